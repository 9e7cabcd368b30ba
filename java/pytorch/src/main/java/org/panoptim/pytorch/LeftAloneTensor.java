package org.panoptim.pytorch;

import org.bytedeco.pytorch.Tensor;

/**
 * A tensor that requires no gradient, and could not be stepped if it did: no parameter stands for
 * it.
 */
final class LeftAloneTensor {

    private final String name;
    private final Tensor tensor;
    private final String problem;

    /**
     * @param tensor the engine's tensor; this object keeps a reference to it until {@link #release}
     * @param problem why it could not be stepped, to follow its name in a sentence
     */
    LeftAloneTensor(String name, Tensor tensor, String problem) {
        this.name = name;
        this.problem = problem;
        this.tensor = new Tensor(tensor);
        this.tensor.retainReference();
    }

    /**
     * Checks that it requires no gradient still, or it would silently not be trained.
     *
     * @throws IllegalStateException if it does
     */
    void check() {
        if (tensor.requires_grad()) {
            throw new IllegalStateException(
                    "tensor '%s' requires a gradient since the parameters were made, and cannot be stepped: it %s; freeze it again, or make the parameters and their optimizer anew"
                            .formatted(name, problem));
        }
    }

    void release() {
        tensor.releaseReference();
    }
}
