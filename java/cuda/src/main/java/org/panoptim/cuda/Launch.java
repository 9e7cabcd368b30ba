package org.panoptim.cuda;

import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_CLIP;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_DECIDE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_FINISH;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_GATHER;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_LINES;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_PASS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_PREPARE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_SETTLE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_TOTALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_TRY;

import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.driver.CudaDriver;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * A launch that is the same at every step, ready made.
 *
 * @param argument its {@code panoptim_launch}
 */
record Launch(CudaKernels.Kernel kernel, int blocks, MemorySegment argument) {

    /** Join the measured sums, and accept or refuse the step. */
    static final int DECIDE = PANOPTIM_STAGE_GATHER() | PANOPTIM_STAGE_DECIDE();

    /** The same, and find the clip coefficient. */
    static final int BEGIN = DECIDE | PANOPTIM_STAGE_CLIP();

    /** Join the sums measured after a transform, and compute the clip coefficient. */
    static final int AFTER_TRANSFORM = PANOPTIM_STAGE_GATHER() | PANOPTIM_STAGE_CLIP();

    /** Advance the states of an image's rules for the first phase. */
    static final int SETTLE = PANOPTIM_STAGE_SETTLE();

    /** Prepare a phase of an image's rules. */
    static final int PREPARE = PANOPTIM_STAGE_PREPARE();

    /** Join the update's norm. */
    static final int FINISH = PANOPTIM_STAGE_FINISH();

    static final int TRY = PANOPTIM_STAGE_GATHER() | PANOPTIM_STAGE_TRY();

    /** Prepare a phase of the pass that the plan names. */
    static final int PASS = PANOPTIM_STAGE_PASS();

    /** Advance the states of rows and columns. */
    static final int LINES = PANOPTIM_STAGE_LINES();

    /** Advance those of rows again, with their matrix's total. */
    static final int TOTALS = PANOPTIM_STAGE_TOTALS();

    static void all(Launch[] launches, CudaDriver driver, long stream) {
        for (var launch : launches) {
            launch.on(driver, stream);
        }
    }

    /**
     * A kernel over the pieces of a list, as many blocks as there is work for.
     *
     * @param argument its {@code panoptim_launch}, in which the list is set
     */
    static Launch over(
            DeviceTables.WorkList list, CudaKernels.Kernel kernel, MemorySegment argument) {
        pointer(argument, panoptim_launch.chunk_list$offset(), list.address());
        panoptim_launch.chunk_list_count(argument, list.count());
        return new Launch(kernel, kernel.blocksFor(list.count()), argument);
    }

    /**
     * What comes between the preparation of a phase and the phase, of a kernel whose phase before
     * has summed over rows or columns; nothing of another one.
     *
     * @param arguments makes one for a stage
     */
    static List<Launch> lines(
            KernelRegistry.Kernel rule,
            int phase,
            DeviceTables tables,
            CudaKernels kernels,
            IntFunction<MemorySegment> arguments) {
        var launches = new ArrayList<Launch>();
        if (rule.sumsOverLines(phase - 1)) {
            var panels = tables.work(rule, phase - 1);
            launches.add(over(panels, kernels.lines(rule), arguments.apply(LINES)));
            if (rule.takesTotals()) {
                launches.add(over(panels, kernels.lines(rule), arguments.apply(TOTALS)));
            }
        }
        return launches;
    }

    void on(CudaDriver driver, long stream) {
        if (blocks > 0) {
            driver.launch(
                    kernel.function(),
                    kernel.name(),
                    blocks,
                    kernel.threads(),
                    0,
                    stream,
                    argument);
        }
    }
}
