package org.panoptim.spi;

/**
 * What an optimizer does before a step: the passes that go before every one. Where a gradient that
 * is not finite refuses steps, gradients are measured first, and passes that go before a step wait
 * for one that is not refused: they change nothing.
 */
public interface BeforeStep {

    /** Whether there is nothing to do, and so nothing to be measured for. */
    boolean isEmpty();

    /** Does it; what it throws goes on to the caller of the step. */
    void run();

    /** Nothing. */
    static BeforeStep nothing() {
        return new BeforeStep() {
            @Override
            public boolean isEmpty() {
                return true;
            }

            @Override
            public void run() {}
        };
    }
}
