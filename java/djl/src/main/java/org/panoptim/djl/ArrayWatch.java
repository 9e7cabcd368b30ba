package org.panoptim.djl;

import org.panoptim.parameter.ParameterSource;

import java.lang.foreign.Arena;
import java.util.List;

/** Lets some of the parameters follow the engine before an optimizer's steps. */
final class ArrayWatch implements ParameterSource.Watch {

    private final Arena arena;
    private final TrackedArray[] arrays;
    private final long[] gradients;

    /**
     * @param arena that of the arrays' memory, which is not used once it is closed
     */
    ArrayWatch(Arena arena, List<TrackedArray> arrays) {
        this.arena = arena;
        this.arrays = arrays.toArray(TrackedArray[]::new);
        this.gradients = new long[this.arrays.length];
    }

    @Override
    public void refresh() {
        requireOpen();
        // All are found before one is changed.
        for (int i = 0; i < arrays.length; i++) {
            gradients[i] = arrays[i].findGradient();
        }
        for (int i = 0; i < arrays.length; i++) {
            arrays[i].follow(gradients[i]);
        }
    }

    @Override
    public void checkValue(int index) {
        requireOpen();
        arrays[index].checkValue();
    }

    private void requireOpen() {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("these parameters are closed");
        }
    }

    // DJL's graphs do not outlive a step.

    @Override
    public void valueWritten(int index) {}

    @Override
    public void gradientWritten(int index) {}
}
