package org.panoptim.abi;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_CLIP_GLOBAL;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_CLIP_GROUP;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_CLIP_TENSOR;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_FAIL;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PROPAGATE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_SKIP;

import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Averaging;
import org.panoptim.step.LossScale;

import java.lang.foreign.MemorySegment;

/** What a plan says of every step, as {@code panoptim_control} has it. */
public final class ControlSettings {

    private ControlSettings() {}

    private static void write(MemorySegment control, Averaging averaging) {
        panoptim_control.average_decay(control, averaging.decay().orElse(0));
        panoptim_control.average_start(control, averaging.start());
        panoptim_control.average_every(control, averaging.every());
        panoptim_control.average_equally(control, averaging.decay().isEmpty() ? 1 : 0);
    }

    /** Writes the settings of a plan, and that no step has been taken yet. */
    public static void write(MemorySegment control, StepPlan plan) {
        var clipping = plan.clipping();
        panoptim_control.clip_norm(control, clipping.norm());
        panoptim_control.clip_value(control, clipping.boundsValues() ? clipping.value() : 0);
        panoptim_control.clip_scope(
                control,
                switch (clipping.scope()) {
                    case GLOBAL -> PANOPTIM_CLIP_GLOBAL();
                    case GROUP -> PANOPTIM_CLIP_GROUP();
                    case PARAMETER -> PANOPTIM_CLIP_TENSOR();
                });
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic) {
            panoptim_control.growth_factor(control, dynamic.growthFactor());
            panoptim_control.backoff_factor(control, dynamic.backoffFactor());
            panoptim_control.growth_interval(control, dynamic.growthInterval());
        }
        panoptim_control.average_decay(control, 1);
        plan.averaging().ifPresent(averaging -> write(control, averaging));
        panoptim_control.policy(
                control,
                switch (plan.policy()) {
                    case PROPAGATE -> PANOPTIM_PROPAGATE();
                    case SKIP -> PANOPTIM_SKIP();
                    case FAIL -> PANOPTIM_FAIL();
                });
        panoptim_control.measure(control, plan.measures() ? 1 : 0);
        panoptim_control.statistics(control, plan.statisticsEvery());
        panoptim_control.zero_gradients(control, plan.zeroesInStep() ? 1 : 0);
        panoptim_control.flush_states(control, plan.flushesStates() ? 1 : 0);
        panoptim_control.clip_coefficient(control, 1);
        panoptim_control.rate_factor(control, 1);
        panoptim_control.gradient_norm(control, Double.NaN);
        panoptim_control.update_norm(control, Double.NaN);
    }
}
