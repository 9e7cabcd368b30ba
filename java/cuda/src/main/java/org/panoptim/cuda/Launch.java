package org.panoptim.cuda;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_CLIP;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_DECIDE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_FINISH;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_GATHER;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_PASS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_PREPARE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_SETTLE;

import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.driver.CudaDriver;

import java.lang.foreign.MemorySegment;

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

    /** Prepare a phase of the pass that the plan names. */
    static final int PASS = PANOPTIM_STAGE_PASS();

    static void all(Launch[] launches, CudaDriver driver, long stream) {
        for (var launch : launches) {
            launch.on(driver, stream);
        }
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
