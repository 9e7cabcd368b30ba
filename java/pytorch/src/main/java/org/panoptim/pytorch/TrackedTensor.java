package org.panoptim.pytorch;

import org.bytedeco.pytorch.Tensor;
import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** One of the engine's tensors, and the parameter that stands for it. */
final class TrackedTensor {

    /** The address of a gradient that is not there. */
    static final long ABSENT = 0;

    private final String name;
    private final Tensor tensor;
    private final Layout layout;
    private final long address;
    private final long byteSize;
    private final Arena arena;
    private final Parameter parameter;

    /**
     * @param tensor the engine's tensor; this object keeps a reference to it until {@link #release}
     * @param arena bounds the use of the parameter's memory, which is the engine's
     */
    TrackedTensor(String name, Tensor tensor, Arena arena) {
        Suitability.problemOfValue(tensor)
                .ifPresent(
                        problem -> {
                            throw new IllegalArgumentException("tensor '" + name + "' " + problem);
                        });
        this.name = name;
        this.layout = Layout.of(tensor);
        this.address = Suitability.address(tensor);
        this.arena = arena;
        var shape = layout.shape();
        this.byteSize = shape.elements() * Float.BYTES;
        this.parameter = Parameter.of(name, shape, segment(address));
        this.tensor = new Tensor(tensor);
        // Without it, a PointerScope around the caller would let go of the tensor.
        this.tensor.retainReference();
    }

    Parameter parameter() {
        return parameter;
    }

    Layout layout() {
        return layout;
    }

    boolean requiresGradient() {
        return tensor.requires_grad();
    }

    /** Makes the engine accumulate into {@code view}, which takes over a gradient already there. */
    void installGradient(Tensor view) {
        if (findGradient() != ABSENT) {
            view.copy_(tensor.grad());
        }
        tensor.mutable_grad().put(view);
    }

    /**
     * Looks at the engine's gradient.
     *
     * @return its address, or {@link #ABSENT}
     * @throws IllegalStateException if the optimizer cannot use it
     */
    long findGradient() {
        checkValue();
        var gradient = tensor.grad();
        if (!gradient.defined() || byteSize == 0) {
            return ABSENT;
        }
        Suitability.problem(gradient)
                .ifPresent(
                        problem -> {
                            throw new IllegalStateException(
                                    "the gradient of '" + name + "' " + problem);
                        });
        if (!layout.describes(gradient)) {
            throw new IllegalStateException(
                    "the gradient of '"
                            + name
                            + "' must lie in memory as the value does ("
                            + layout
                            + "), but has "
                            + Layout.of(gradient));
        }
        long found = Suitability.address(gradient);
        if (Math.abs(found - address) < byteSize) {
            throw new IllegalStateException("the gradient of '" + name + "' overlaps its value");
        }
        return found;
    }

    private void checkValue() {
        long now = Suitability.address(tensor);
        if (now != address
                || tensor.numel() != parameter.elements()
                || tensor.is_contiguous() != layout.contiguous()) {
            throw new IllegalStateException(
                    "the engine has given '"
                            + name
                            + "' other memory since the parameters were made (as Module.to does),"
                            + " so they and their optimizer must be made anew");
        }
    }

    /** Lets the parameter have the gradient at this address, or none. */
    void follow(long gradient) {
        if (gradient == ABSENT) {
            parameter.clearGradient();
        } else if (parameter.gradientAddress() != gradient) {
            parameter.gradient(segment(gradient));
        }
    }

    private MemorySegment segment(long at) {
        return MemorySegment.ofAddress(at).reinterpret(byteSize, arena, null);
    }

    void release() {
        tensor.releaseReference();
    }
}
