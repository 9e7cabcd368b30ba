package org.panoptim.abi;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PASS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PASS_ALL;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PASS_BEFORE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PASS_COMPLETING;

import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.rule.PhaseSpan;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A kernel with a pass.
 *
 * @param span the pass's phases among the kernel's
 */
public record PassKernel(KernelRegistry.Kernel kernel, PhaseSpan span) {

    /** Lets a {@code panoptim_plan} be one of the pass. */
    public void describe(MemorySegment plan) {
        panoptim_plan.pass(plan, kind());
        panoptim_plan.pass_rule(plan, kernel.index());
        panoptim_plan.pass_phase(plan, span.first());
    }

    private int kind() {
        return switch (span.timing()) {
            case COMPLETING_STEP -> PANOPTIM_PASS_COMPLETING();
            case BEFORE_STEP -> PANOPTIM_PASS_BEFORE();
            case REQUESTED, GIVING_GRADIENTS, AFTER_STEP ->
                    span.everyParameter() ? PANOPTIM_PASS_ALL() : PANOPTIM_PASS();
        };
    }

    /** The most phases that the pass has in a kernel. */
    public static int phases(List<PassKernel> kernels) {
        int most = 0;
        for (var each : kernels) {
            most = Math.max(most, each.span.phases());
        }
        return most;
    }
}
