package org.panoptim.pytorch;

import org.panoptim.parameter.ParameterSource;

import java.util.List;

/** Lets some of the parameters follow the engine before an optimizer's steps. */
final class TensorWatch implements ParameterSource.Watch {

    private final Runnable check;
    private final TensorQueries queries;
    private final TrackedTensor[] tensors;
    private final long[] gradients;

    /**
     * @param check what must hold before the engine is queried, or throws
     * @param queries what the tensors ask through, which several watches share
     */
    TensorWatch(Runnable check, TensorQueries queries, List<TrackedTensor> tensors) {
        this.check = check;
        this.queries = queries;
        this.tensors = tensors.toArray(TrackedTensor[]::new);
        this.gradients = new long[this.tensors.length];
    }

    @Override
    public void refresh() {
        // Optimizers of one module may step in different threads.
        synchronized (queries) {
            check.run();
            // All are found before one is changed.
            for (int i = 0; i < tensors.length; i++) {
                gradients[i] = tensors[i].findGradient();
            }
        }
        for (int i = 0; i < tensors.length; i++) {
            tensors[i].follow(gradients[i]);
        }
    }

    @Override
    public void checkValue(int index) {
        synchronized (queries) {
            check.run();
            tensors[index].checkValue();
        }
    }

    @Override
    public void valueWritten(int index) {
        tensors[index].valueWritten();
    }

    @Override
    public void gradientWritten(int index) {
        tensors[index].gradientWritten();
    }
}
