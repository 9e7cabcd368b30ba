package org.panoptim.spi;

import org.panoptim.step.LossScale;

/**
 * What the step keeps from one to the next, besides parameters and states.
 *
 * @param step accepted steps, at most {@link #MOST}
 * @param skipped refused steps, at most {@link #MOST}
 * @param growthTracker accepted steps in a row since a dynamic loss scale last changed, at most
 *     {@link #MOST}
 * @param lossScale what the next gradients come multiplied by, from {@link LossScale#SMALLEST} to
 *     {@link LossScale#LARGEST}
 */
public record Counters(long step, long skipped, long growthTracker, double lossScale) {

    /** More than any run counts, and far from where a count would overflow: 2⁶². */
    public static final long MOST = 1L << 62;

    /** Checks the components. */
    public Counters {
        require("step", step);
        require("skipped", skipped);
        require("growthTracker", growthTracker);
        if (!(lossScale >= LossScale.SMALLEST && lossScale <= LossScale.LARGEST)) {
            throw new IllegalArgumentException(
                    "lossScale must be from 2^-126 to 2^126, but is " + lossScale);
        }
    }

    /**
     * Checks a count.
     *
     * @throws IllegalArgumentException if it is negative or above {@link #MOST}
     */
    public static void require(String name, long count) {
        if (count < 0 || count > MOST) {
            throw new IllegalArgumentException(name + " must be from 0 to 2^62, but is " + count);
        }
    }
}
