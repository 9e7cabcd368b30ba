package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Backend;
import org.panoptim.Optimizer;
import org.panoptim.rule.AdamW;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** What the benchmarks time is the work that they name. */
class BenchmarkBodiesTest {

    @Test
    void smallTensorsTakesStepsOfAdamW() {
        var benchmark = new SmallTensors();
        benchmark.open();
        try (var expected = new Model(Workload.SMALL)) {
            for (int i = 0; i < 3; i++) {
                benchmark.step();
            }
            referenceSteps(expected, 3, false);

            assertSame(benchmark.model().values(), expected.values());
        } finally {
            benchmark.close();
        }
    }

    @Test
    void clipStepZeroTakesAWholeStepAndThenAPlainOne() {
        var benchmark = new ClipStepZero();
        benchmark.workload = Workload.SMALL;
        benchmark.open();
        try (var expected = new Model(Workload.SMALL)) {
            benchmark.wholeAndStep(new PairTimes());
            referenceSteps(expected, 1, true);
            referenceSteps(expected, 1, false);

            assertSame(benchmark.model().values(), expected.values());
            assertSame(benchmark.model().gradients(), expected.gradients());
        } finally {
            benchmark.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void launchCostTakesStepsOfAdamWOnTheDevice(LaunchCost.Implementation implementation) {
        var benchmark = new LaunchCost();
        benchmark.implementation = implementation;
        benchmark.empty = false;
        benchmark.open();
        try (var expected = new Model(Workload.FEW)) {
            for (int i = 0; i < 3; i++) {
                benchmark.step();
                benchmark.launch();
            }
            referenceSteps(expected, 3, false);

            assertSame(benchmark.values(), expected.values());
        } finally {
            benchmark.close();
        }
    }

    @Test
    void theLimitsLoopComputesAdamWOnEveryElement() {
        try (var before = new Model(Workload.SMALL);
                var after = new Model(Workload.SMALL);
                var limit = new LimitLoop(after, 3)) {
            limit.run();

            for (int tensor = 0; tensor < before.values().size(); tensor++) {
                for (long i = 0; i < 64; i++) {
                    double p = get(before.values().get(tensor), i);
                    double g = get(before.gradients().get(tensor), i);
                    double mean = 0.1 * g;
                    double square = 0.001 * g * g;
                    double expected = p - 1e-5 * p - 1e-3 * mean / (Math.sqrt(square) + 1e-8);
                    assertThat((double) get(after.values().get(tensor), i))
                            .isCloseTo(expected, Offset.offset(1e-6));
                }
            }
        }
    }

    @Test
    void aPairTimesBothBodiesAndTakesTurns() {
        var calls = new StringBuilder();
        var times = new PairTimes();
        var pair = new Pair(() -> calls.append('a'), () -> calls.append('b'));

        pair.run(times);
        pair.run(times);

        assertThat(calls).hasToString("abba");
        assertThat(times.first).isPositive();
        assertThat(times.second).isPositive();
    }

    private static void referenceSteps(Model model, int steps, boolean whole) {
        try (var backend = Backend.named("reference")) {
            var builder =
                    Optimizer.builder(AdamW.defaults())
                            .group("all", model.parameters())
                            .zeroGradients(whole)
                            .backend(backend);
            try (var optimizer = (whole ? builder.clipGlobalNorm(1) : builder).build()) {
                for (int i = 0; i < steps; i++) {
                    optimizer.step();
                }
            }
        }
    }

    private static void assertSame(List<MemorySegment> actual, List<MemorySegment> expected) {
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i).mismatch(expected.get(i))).as("tensor %d", i).isEqualTo(-1);
        }
    }

    private static float get(MemorySegment segment, long index) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }
}
