package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;

/** A step makes no objects, so a training loop gives the collector nothing to do. */
class AllocationTest {

    private static final int WARM_UP = 20_000;

    private static final int STEPS = 10_000;

    /** A tenth of what one object of 16 bytes a step would come to. */
    private static final long BOUND = STEPS * 16 / 10;

    @Test
    void aStepAllocatesNothing() {
        assertThat(allocated(List.of(), false)).isLessThan(BOUND);
    }

    @Test
    void neitherDoesOneWithStatisticsAndWithPassesThatGoWithIt() {
        var companions =
                List.of(new Centralize(), Lookahead.defaults(), Hypergradient.withBeta(1e-7));
        assertThat(allocated(companions, true)).isLessThan(BOUND);
    }

    private static long allocated(List<? extends UpdateRule> companions, boolean statistics) {
        var memory = Arena.ofAuto();
        var parameters =
                List.of(
                        Parameter.of("one", Shape.of(2, 2), memory.allocate(16, 4))
                                .gradient(memory.allocate(16, 4)),
                        Parameter.of("other", Shape.of(1), memory.allocate(4, 4))
                                .gradient(memory.allocate(4, 4)));
        var builder =
                Optimizer.builder(AdamW.defaults()).group("all", parameters).statistics(statistics);
        companions.forEach(builder::companion);
        try (var backend = SimdBackend.open(SimdOptions.defaults());
                var optimizer = builder.backend(backend).build()) {
            return allocatedByLastSteps(optimizer);
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
