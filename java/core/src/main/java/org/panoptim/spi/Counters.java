package org.panoptim.spi;

/**
 * What the step keeps from one to the next, beside parameters and states.
 *
 * @param step accepted steps
 * @param skipped refused steps
 * @param growthTracker accepted steps in a row since a dynamic loss scale last changed
 * @param lossScale what the next gradients come multiplied by
 */
public record Counters(long step, long skipped, long growthTracker, double lossScale) {

    /** Checks the components. */
    public Counters {
        if (step < 0 || skipped < 0 || growthTracker < 0) {
            throw new IllegalArgumentException(
                    "counters must be at least 0, but step is "
                            + step
                            + ", skipped "
                            + skipped
                            + " and growthTracker "
                            + growthTracker);
        }
        if (!(lossScale > 0 && lossScale < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "lossScale must be finite and above 0, but is " + lossScale);
        }
    }
}
