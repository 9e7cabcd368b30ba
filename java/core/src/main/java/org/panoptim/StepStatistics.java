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
 * @param learningRate the group's learning rate times the schedule's factor of that step (and that
 *     of {@link org.panoptim.rule.Hypergradient})
 * @param gradientNorm of the gradient, unscaled, before clipping; empty without one, or if it is
 *     frozen. Of a refused step it is infinite or NaN where the gradient was not finite
 * @param valueNorm of the values after the step; empty if they were not updated, or where {@link
 *     org.panoptim.rule.Cautious} is a companion
 * @param updateNorm of new minus old values, before these are rounded to their type; empty if they
 *     were not updated
 * @param heldShare the share of elements, from 0 to 1, whose gradient was held by the bound of
 *     values, or whose update by a bound of the rule: Sophia's and ADOPT's clipping, AdaBound's
 *     bounds; empty if they were not updated
 * @param numbers the numbers that rule and companions keep of the parameter, or of the group, by
 *     the names of their slots: {@code trust_ratio} of LAMB and LARS, {@code d} of Prodigy and
 *     D-Adaptation, {@code sgd_lr} of SWATS (above 0 once it is SGD), {@code sharpness} of SAM
 *     (ρ‖g‖, by how much the loss rises to the perturbed point if it stays as steep), {@code
 *     agreement} of cautious updates (the share of elements that are not masked)
 */
public record StepStatistics(
        double learningRate,
        OptionalDouble gradientNorm,
        OptionalDouble valueNorm,
        OptionalDouble updateNorm,
        OptionalDouble heldShare,
        Map<String, Double> numbers) {

    /** Copies the map. */
    public StepStatistics {
        Objects.requireNonNull(gradientNorm, "gradientNorm");
        Objects.requireNonNull(valueNorm, "valueNorm");
        Objects.requireNonNull(updateNorm, "updateNorm");
        Objects.requireNonNull(heldShare, "heldShare");
        Objects.requireNonNull(numbers, "numbers");
        numbers = Collections.unmodifiableMap(new LinkedHashMap<>(numbers));
    }

    /** How far the values moved, measured by themselves: 1e-3 is usual while training goes well. */
    public OptionalDouble updateRatio() {
        return ratio(updateNorm, valueNorm);
    }

    /**
     * The learning rate at which plain gradient descent would have gone as far: the update's norm
     * by the gradient's.
     */
    public OptionalDouble effectiveLearningRate() {
        return ratio(updateNorm, gradientNorm);
    }

    private static OptionalDouble ratio(OptionalDouble above, OptionalDouble below) {
        return above.isPresent() && below.isPresent()
                ? OptionalDouble.of(above.getAsDouble() / below.getAsDouble())
                : OptionalDouble.empty();
    }
}
