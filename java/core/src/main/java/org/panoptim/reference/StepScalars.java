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
 * @param lossScale what gradients come multiplied by
 * @param gradientScale undoes it
 * @param gradientLimit the largest absolute value of a gradient, perhaps infinite
 * @param rateFactor of the schedule
 * @param momentum of the schedule, or NaN
 */
record StepScalars(
        long step,
        double lossScale,
        double gradientScale,
        float gradientLimit,
        double rateFactor,
        double momentum) {

    /**
     * For a pass: what the optimizer has come to, and a schedule that says nothing.
     *
     * @param rateFactor 1, or that of the step which the pass completes
     */
    static StepScalars ofPass(Counters counters, double rateFactor) {
        return new StepScalars(
                counters.step(),
                counters.lossScale(),
                1.0 / counters.lossScale(),
                Float.POSITIVE_INFINITY,
                rateFactor,
                Double.NaN);
    }

    /** The same at another learning rate. */
    StepScalars times(double factor) {
        return new StepScalars(
                step, lossScale, gradientScale, gradientLimit, rateFactor * factor, momentum);
    }

    /**
     * Unscales, clips and, for a rule that climbs, negates.
     *
     * @param clipCoefficient bounds the gradient's norm
     */
    float gradientFactor(UpdateRule rule, double clipCoefficient) {
        return signed(rule, (float) (gradientScale * clipCoefficient));
    }

    /** What a gradient of 1, as a pass has it, is in memory. */
    float gradientUnit(UpdateRule rule) {
        return signed(rule, (float) lossScale);
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
