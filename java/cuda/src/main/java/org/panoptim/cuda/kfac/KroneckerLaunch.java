package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.panoptim_kfac_facts;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;

import java.lang.foreign.MemorySegment;

/** Launching the kernels of Kronecker factors. */
final class KroneckerLaunch {

    private KroneckerLaunch() {}

    /** Launches a kernel, if there is anything for it to do. */
    static void run(
            DeviceContext context, CudaKernels.Kernel kernel, long blocks, MemorySegment argument) {
        run(context, kernel, blocks, 0, argument);
    }

    /** The same with dynamic shared memory. */
    static void run(
            DeviceContext context,
            CudaKernels.Kernel kernel,
            long blocks,
            int sharedBytes,
            MemorySegment argument) {
        if (blocks > 0) {
            context.driver()
                    .launch(
                            kernel.function(),
                            kernel.name(),
                            Math.toIntExact(blocks),
                            kernel.threads(),
                            sharedBytes,
                            context.stream(),
                            argument);
        }
    }

    /** Writes what is known of a step. */
    static void describe(MemorySegment facts, StepFacts step) {
        switch (step) {
            case DeviceStep(var control) ->
                    panoptim_kfac_facts.control(facts, MemorySegment.ofAddress(control));
            case StepContext context -> {
                panoptim_kfac_facts.control(facts, MemorySegment.NULL);
                panoptim_kfac_facts.accepted(facts, context.accepted() ? 1 : 0);
                panoptim_kfac_facts.rate_factor(facts, context.rateFactor());
                panoptim_kfac_facts.gradient_scale(facts, context.gradientScale());
            }
        }
    }
}
