package org.panoptim.reference;

import org.panoptim.rule.Preparation;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Counters;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;

/**
 * What all parameters of an accepted step, or of a pass, share.
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

    /** For a pass: what the optimizer has come to, and a schedule that says nothing. */
    static StepScalars ofPass(Counters counters) {
        return new StepScalars(counters.step(), 1.0 / counters.lossScale(), 1, 1, Double.NaN);
    }

    /** Unscales, clips and, for a rule that climbs, negates. */
    float gradientFactor(UpdateRule rule) {
        return signed(rule, (float) (gradientScale * clipCoefficient));
    }

    /** Unscales and, for a rule that climbs, negates; curvature is not clipped. */
    float curvatureFactor(UpdateRule rule) {
        return signed(rule, (float) gradientScale);
    }

    /** For a rule's own states. */
    Preparation settlement(UpdateRule rule, MemorySegment[] states, double... reductions) {
        return new Preparation(
                rateFactor,
                momentum,
                step,
                0,
                Shape.of(),
                rule.slots(),
                Slot.Extent.RULE,
                states,
                reductions);
    }

    Preparation preparation(UpdateRule rule, Tensor tensor, double... reductions) {
        return new Preparation(
                rateFactor,
                momentum,
                step,
                tensor.count,
                tensor.parameter.shape(),
                rule.slots(tensor.parameter.shape()),
                Slot.Extent.TENSOR,
                tensor.states,
                reductions);
    }

    private static float signed(UpdateRule rule, float factor) {
        return rule.maximize() ? -factor : factor;
    }
}
