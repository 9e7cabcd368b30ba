package org.panoptim.step;

import org.panoptim.parameter.Parameter;

import java.util.function.Consumer;

/**
 * A backward pass of a micro-batch, which says of parameters when their gradients are complete.
 *
 * @see org.panoptim.Optimizer#backward
 */
@FunctionalInterface
public interface BackwardPass {

    /**
     * Computes the gradients of a micro-batch, and adds them to what the parameters hold.
     *
     * @param complete to be told of a parameter once its gradient has all that this pass adds to
     *     it, and stays as it is. May be called from any thread, from one at a time; parameters
     *     that it was not told of are complete when the pass returns.
     */
    void run(Consumer<Parameter> complete);
}
