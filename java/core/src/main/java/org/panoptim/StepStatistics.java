package org.panoptim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What the last step did to a parameter, or to the parameters of a group together, and the numbers
 * by which the rule and its companions did it. Norms are Euclidean, of all elements.
 *
 * <p>What is empty is not known of that step: it took no statistics, was refused, or passed the
 * parameter by. A number that is known may be infinite or NaN all the same: the gradient was.
 *
 * <p>Values and updates are the rule's own, as it computed them in float32: before they are rounded
 * to the parameter's type, before {@link org.panoptim.rule.Cautious} masks the update, and before
 * passes that go with a step write the value after it ({@link org.panoptim.rule.Lookahead}). How
 * far a parameter went in memory may differ.
 *
 * @param learningRate the group's learning rate times the schedule's factor of that step (and that
 *     of {@link org.panoptim.rule.Hypergradient}); not what a rule multiplies it by besides, such
 *     as a trust ratio
 * @param gradientNorm of the gradient that the rule was about to take: unscaled, before clipping,
 *     as companions ({@link org.panoptim.rule.Centralize}, {@link org.panoptim.rule.Accumulation})
 *     and a transform (K-FAC's preconditioner) have left it; empty without one, or if it is frozen.
 *     Of a refused step it is infinite or NaN where the gradient was not finite
 * @param valueNorm of the rule's new values; empty if they were not updated, or where {@link
 *     org.panoptim.rule.Cautious} is a companion
 * @param updateNorm of the rule's new values minus the old ones; empty if they were not updated
 * @param heldShare of all elements that were updated, the share, from 0 to 1, whose gradient was
 *     held by {@link Optimizer.Builder#clipValue}, or whose update by a bound of the rule: the
 *     clipping of Sophia and ADOPT, the bounds of AdaBound; empty if none were updated
 * @param numbers what rule and companions tell of the parameter, or of the group, by the names of
 *     their states; the names are the same in every step. Of parameters: {@code trust_ratio} of
 *     LAMB and LARS (what they multiplied the parameter's learning rate by), {@code sgd_lr} of
 *     SWATS (its learning rate as SGD; 0 until it is that), {@code sharpness} of SAM and {@code
 *     look_sharpness} of LookSAM (ρ‖g‖, by how much the loss rises to the perturbed point if it
 *     stays as steep; of the last perturbation, even if this step went without, and 0 before the
 *     first), {@code agreement} of cautious updates (the share of elements that were not masked).
 *     Of groups: {@code d} of Prodigy and D-Adaptation (the estimated distance to the solution,
 *     which multiplies the learning rate), {@code rate_factor} of Hypergradient
 */
public record StepStatistics(
        double learningRate,
        OptionalDouble gradientNorm,
        OptionalDouble valueNorm,
        OptionalDouble updateNorm,
        OptionalDouble heldShare,
        Map<String, OptionalDouble> numbers) {

    /** Copies the map. */
    public StepStatistics {
        Objects.requireNonNull(gradientNorm, "gradientNorm");
        Objects.requireNonNull(valueNorm, "valueNorm");
        Objects.requireNonNull(updateNorm, "updateNorm");
        Objects.requireNonNull(heldShare, "heldShare");
        Objects.requireNonNull(numbers, "numbers");
        numbers = Collections.unmodifiableMap(new LinkedHashMap<>(numbers));
    }

    /**
     * The update's norm by that of the new values: how far these moved, measured by themselves.
     * 1e-3 is usual while training goes well. Empty unless both are known and the values are not
     * all zero.
     */
    public OptionalDouble updateRatio() {
        return ratio(updateNorm, valueNorm);
    }

    /**
     * The update's norm by the gradient's: the learning rate at which plain gradient descent,
     * without clipping, would have gone as far. Empty unless both are known and the gradient is not
     * zero.
     */
    public OptionalDouble effectiveLearningRate() {
        return ratio(updateNorm, gradientNorm);
    }

    private static OptionalDouble ratio(OptionalDouble above, OptionalDouble below) {
        return above.isPresent() && below.isPresent() && below.getAsDouble() != 0
                ? OptionalDouble.of(above.getAsDouble() / below.getAsDouble())
                : OptionalDouble.empty();
    }
}
