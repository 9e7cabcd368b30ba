package org.panoptim.parameter;

import java.util.List;

/**
 * What owns the memory of parameters and may change it between steps: a framework, seen by its
 * adapter. It moves tensors, replaces their gradients and freezes them as it likes; before an
 * optimizer touches any of that memory it asks the source, and afterwards says what it wrote.
 */
@FunctionalInterface
public interface ParameterSource {

    /**
     * Begins to watch over the memory of parameters for an optimizer.
     *
     * @param parameters those of this source that the optimizer has
     */
    Watch watch(List<Parameter> parameters);

    /** Watches over the memory of the parameters that it was made for. */
    interface Watch {

        /**
         * Lets the parameters have the gradients that there are now. Called before every step,
         * zeroing, capture and launch of a captured step, on the optimizer's thread; allocates
         * nothing as long as nothing has changed.
         *
         * @throws IllegalStateException if a value is not where it was, or a gradient cannot be
         *     used; the step is not taken, and no parameter of the source is changed
         */
        void refresh();

        /**
         * Checks that a parameter's value is where it was: called before a state begins as it, of a
         * parameter without a gradient too, whose value {@link #refresh} may leave alone. By
         * default all is well, for sources of which refresh checks every value.
         *
         * @param index the parameter's place in the list
         * @throws IllegalStateException if it is not; the state is not made
         */
        default void checkValue(int index) {}

        /**
         * A step wrote a parameter's value, or may have: whether a device accepts a step is not
         * known when it is queued.
         *
         * @param index the parameter's place in the list
         */
        void valueWritten(int index);

        /**
         * As {@link #valueWritten}, of the gradient, which was zeroed, transformed or replaced by
         * the mean of a team.
         */
        void gradientWritten(int index);
    }
}
