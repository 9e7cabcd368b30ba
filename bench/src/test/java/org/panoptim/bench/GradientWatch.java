package org.panoptim.bench;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_tensor;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.ForwardingDriver;

import java.lang.foreign.MemorySegment;

/**
 * Looks at the gradients of every update before it is launched: on the virtual GPU, whose memory is
 * the host's.
 */
final class GradientWatch extends ForwardingDriver {

    private static final String UPDATE = "panoptim_update_";
    private static final int LOOKED_AT = 8;

    private long updates;
    private long onZeros;

    GradientWatch(CudaDriver driver) {
        super(driver);
    }

    /** How many updates were launched. */
    long updates() {
        return updates;
    }

    /** How many of them found a tensor whose gradient was zero. */
    long onZeros() {
        return onZeros;
    }

    @Override
    public void launch(
            long function,
            String kernel,
            int blocks,
            int threads,
            int sharedBytes,
            long stream,
            MemorySegment argument) {
        if (kernel.startsWith(UPDATE)) {
            updates++;
            if (findsZeros(panoptim_launch.plan(argument))) {
                onZeros++;
            }
        }
        super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
    }

    private static boolean findsZeros(MemorySegment plan) {
        long count = panoptim_plan.tensor_count(plan);
        var addresses = panoptim_plan.gradients(plan).reinterpret(count * Long.BYTES);
        var tensors = panoptim_plan.tensors(plan).reinterpret(count * panoptim_tensor.sizeof());
        for (long i = 0; i < count; i++) {
            long elements =
                    Math.min(
                            LOOKED_AT,
                            panoptim_tensor.elements(panoptim_tensor.asSlice(tensors, i)));
            var gradient =
                    MemorySegment.ofAddress(addresses.getAtIndex(JAVA_LONG, i))
                            .reinterpret(elements * Float.BYTES);
            boolean zero = true;
            for (long j = 0; j < elements; j++) {
                zero &= gradient.getAtIndex(JAVA_FLOAT, j) == 0;
            }
            if (zero) {
                return true;
            }
        }
        return false;
    }
}
