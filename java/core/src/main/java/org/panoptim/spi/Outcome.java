package org.panoptim.spi;

import java.util.OptionalDouble;

/**
 * What came of the last step.
 *
 * @param counters the counters after it
 * @param accepted whether it was taken
 * @param gradientNorm the global norm of the gradient, unscaled, before clipping (and after a
 *     transform); empty if it was not measured
 * @param clipCoefficient what the gradient was multiplied by to bound its norm, or, of a refused
 *     attempt, would have been; 1 if no norm is bounded
 * @param updateNorm the global norm of the rules' updates; empty if not asked for, or refused
 * @param rateFactor the schedule's factor that it used
 */
public record Outcome(
        Counters counters,
        boolean accepted,
        OptionalDouble gradientNorm,
        double clipCoefficient,
        OptionalDouble updateNorm,
        double rateFactor) {

    /** A refused attempt has no update, whatever a backend's sums say. */
    public Outcome {
        updateNorm = accepted ? updateNorm : OptionalDouble.empty();
    }

    /** The outcome before the first step. */
    public static Outcome initial(Counters counters) {
        return new Outcome(counters, false, OptionalDouble.empty(), 1, OptionalDouble.empty(), 1);
    }
}
