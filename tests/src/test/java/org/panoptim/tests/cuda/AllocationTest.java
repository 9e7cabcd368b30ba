package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.rule.AdamW;
import org.panoptim.testkit.VirtualGpu;

import java.lang.management.ManagementFactory;
import java.util.List;

/** A step on the device makes no objects, so a training loop gives the collector nothing to do. */
@Tag("virtual-gpu")
class AllocationTest {

    private static final int WARM_UP = 20_000;

    private static final int STEPS = 10_000;

    /** A tenth of what one object of 16 bytes a step would come to. */
    private static final long BOUND = STEPS * 16 / 10;

    @ParameterizedTest
    @EnumSource
    void aStepAllocatesNothing(Implementation implementation) {
        try (var device = implementation.device()) {
            var one = device.parameter("one", device.floats(1, 2));
            var other = device.parameter("other", device.floats(3));
            one.gradient(device.floats(1, 1).memory());
            other.gradient(device.floats(1).memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(AdamW.defaults()).group("all", List.of(one, other)));
            VirtualGpu.empty(true);
            try {
                assertThat(allocatedByLastSteps(optimizer)).isLessThan(BOUND);
            } finally {
                VirtualGpu.empty(false);
            }
        }
    }

    private static long allocatedByLastSteps(Optimizer optimizer) {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long thread = Thread.currentThread().threadId();
        for (int i = 0; i < WARM_UP; i++) {
            optimizer.step();
        }
        long before = threads.getThreadAllocatedBytes(thread);
        for (int i = 0; i < STEPS; i++) {
            optimizer.step();
        }
        return threads.getThreadAllocatedBytes(thread) - before;
    }
}
