package org.panoptim.spi;

/**
 * What an optimizer does before a step: the passes that go before every one. Where a gradient that
 * is not finite refuses steps, those that wait for a step that is not refused change nothing before
 * one that is.
 */
@FunctionalInterface
public interface BeforeStep {

    /**
     * Does it; what it throws goes on to the caller of the step.
     *
     * @param trial measures the gradients as they are, and lets passes wait if they refuse the
     *     step; to be run right before the first pass that may have to, and not at all if there is
     *     none
     */
    void run(Runnable trial);

    /** Nothing. */
    static BeforeStep nothing() {
        return _ -> {};
    }
}
