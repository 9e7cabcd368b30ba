package org.panoptim.reference;

import org.panoptim.rule.Preparation;
import org.panoptim.rule.UpdateRule;

/**
 * What all parameters of an accepted step share.
 *
 * @param step accepted steps, this one included
 * @param gradientScale undoes the loss scale
 * @param clipCoefficient bounds the gradient's norm
 * @param rateFactor of the schedule
 * @param momentum of the schedule, or NaN
 */
record StepScalars(
        long step,
        double gradientScale,
        double clipCoefficient,
        double rateFactor,
        double momentum) {

    /** Unscales, clips and, for a rule that climbs, negates. */
    float gradientFactor(UpdateRule rule) {
        return signed(rule, (float) (gradientScale * clipCoefficient));
    }

    /** Unscales and, for a rule that climbs, negates; curvature is not clipped. */
    float curvatureFactor(UpdateRule rule) {
        return signed(rule, (float) gradientScale);
    }

    Preparation preparation(long count, double... reductions) {
        return new Preparation(rateFactor, momentum, step, count, reductions);
    }

    private static float signed(UpdateRule rule, float factor) {
        return rule.maximize() ? -factor : factor;
    }
}
