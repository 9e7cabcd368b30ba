package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.FloatView;
import org.panoptim.rule.AdamW;
import org.panoptim.step.LossScale;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** What the benchmarks time is the work that they name. */
class BenchmarkBodiesTest {

    /** What one turn did: began with new gradients or not, and took so many steps. */
    private record Turn(boolean refilled, long steps) {}

    @ParameterizedTest
    @EnumSource
    void theStepThatIsTimedIsThatOfTheReference(Scenario scenario) {
        boolean floats = Scenario.OF_FLOATS.contains(scenario);
        for (var workload :
                List.of(Workload.SMALL, Workload.TINY, floats ? "tensors-4096" : "tensors-4")) {
            var benchmark = benchmark(workload, scenario, Baseline.NONE);
            benchmark.open();
            try (var expected = new HostModel(Workload.named(workload), scenario)) {
                benchmark.refill();
                var times = new StepBenchmark.Times();
                var turns = new ArrayList<Turn>();
                for (int i = 0; i < 3; i++) {
                    boolean refilled = benchmark.needsRefill();
                    long before = times.steps;
                    benchmark.interleaved(times);
                    turns.add(new Turn(refilled, times.steps - before));
                }
                assertThat(times.turns).isEqualTo(3);
                assertThat(times.steps).isEqualTo(benchmark.fixture().steps());
                referenceSteps(expected, scenario, turns);

                assertSame(hostModel(benchmark).values(), expected.values());
                assertSame(hostModel(benchmark).gradients(), expected.gradients());
                assertSame(outputs(hostModel(benchmark)), outputs(expected));
            } finally {
                benchmark.close();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void itsResultCheckFindsStepsThatWereNotTaken(Scenario scenario) {
        var benchmark = benchmark(Workload.SMALL, scenario, Baseline.NONE);
        benchmark.open();
        benchmark.interleaved(new StepBenchmark.Times());
        var model = hostModel(benchmark);
        model.refillGradients();
        HostTensors.values(model.parameters().getFirst()).set(0, Float.NaN);

        assertThatThrownBy(benchmark::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("of tensor 0");
    }

    @ParameterizedTest
    @ValueSource(strings = {Baseline.LIMIT, Baseline.STEP})
    void aBaselineWorksOnTheSameParameters(String baseline) {
        var benchmark = benchmark(Workload.SMALL, Scenario.STEP, baseline);
        benchmark.open();
        try (var alone = new HostModel(Workload.named(Workload.SMALL))) {
            benchmark.openBaseline().run();

            assertThat(hostModel(benchmark).values().getFirst())
                    .matches(values -> values.mismatch(alone.values().getFirst()) >= 0);
        } finally {
            benchmark.close();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"COPY", "AVERAGE"})
    void itsResultCheckLooksAtOutputs(Scenario scenario) {
        var benchmark = benchmark(Workload.SMALL, scenario, Baseline.NONE);
        benchmark.open();
        benchmark.interleaved(new StepBenchmark.Times());
        outputs(hostModel(benchmark)).getFirst().fill((byte) 1);

        assertThatThrownBy(benchmark::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("element 0 of tensor 0: the ");
    }

    @Test
    void theStepOfFloatsHasTensorsOfItsOwn() {
        var benchmark = benchmark(Workload.SMALL, Scenario.BF16, Baseline.FLOATS);
        benchmark.open();
        try (var alone = new HostModel(Workload.named(Workload.SMALL), Scenario.BF16)) {
            assertThat(benchmark.openBaseline().run()).isPositive();

            assertSame(hostModel(benchmark).values(), alone.values());
        } finally {
            benchmark.close();
        }
    }

    @Test
    void anUnknownPeerIsRefused() {
        var benchmark = benchmark(Workload.TINY, Scenario.STEP, "nobody");
        assertThatThrownBy(benchmark::open)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("nobody");
    }

    private static HostModel hostModel(StepBenchmark benchmark) {
        return (HostModel) benchmark.fixture().model();
    }

    private static StepBenchmark benchmark(String workload, Scenario scenario, String baseline) {
        var benchmark = new StepBenchmark();
        benchmark.workload = workload;
        benchmark.scenario = scenario;
        benchmark.baseline = baseline;
        return benchmark;
    }

    @ParameterizedTest
    @EnumSource
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void launchCostTakesStepsOfAdamWOnTheDevice(LaunchCost.Implementation implementation) {
        var benchmark = new LaunchCost();
        benchmark.implementation = implementation;
        benchmark.empty = false;
        benchmark.open();
        try (var expected = new HostModel(Workload.named(Workload.FEW))) {
            for (int i = 0; i < 3; i++) {
                benchmark.step();
                benchmark.launch();
            }
            referenceSteps(expected, 3);

            assertSame(benchmark.values(), expected.values());
        } finally {
            benchmark.close();
        }
    }

    /** With few elements by one thread, with many by three. */
    @ParameterizedTest
    @ValueSource(strings = {Workload.SMALL, "elements-400000"})
    void theLimitsLoopComputesAdamWOnEveryElement(String workload) {
        try (var before = new HostModel(Workload.named(workload));
                var after = new HostModel(Workload.named(workload));
                var limit = new LimitLoop(after, 3)) {
            limit.run();

            for (int tensor = 0; tensor < before.values().size(); tensor++) {
                long elements = before.values().get(tensor).byteSize() / Float.BYTES;
                for (long i = 0; i < elements; i++) {
                    double p = get(before.values().get(tensor), i);
                    double g = get(before.gradients().get(tensor), i);
                    double mean = 0.1 * g;
                    double square = 0.001 * g * g;
                    double expected = p - 1e-5 * p - 1e-3 * mean / (Math.sqrt(square) + 1e-8);
                    if (!(Math.abs(get(after.values().get(tensor), i) - expected) < 1e-6)) {
                        assertThat((double) get(after.values().get(tensor), i))
                                .as("element %d of tensor %d", i, tensor)
                                .isCloseTo(expected, Offset.offset(1e-6));
                    }
                }
            }
        }
    }

    @Test
    void bothSidesAreTimedInTurn() {
        var calls = new StringBuilder();
        var times = new StepBenchmark.Times();
        var timer =
                new InterleavedTimer(
                        side(calls, 'a', 100), side(calls, 'b', 50), () -> calls.append('-'));

        timer.run(times);
        assertThat(calls).hasToString("a-b-");
        timer.run(times);

        // Short bodies are repeated, and the first 200 of them are not timed.
        assertThat(calls).hasToString("a-b-" + "b".repeat(300) + "-" + "a".repeat(300) + "-");
        assertThat(times.turns).isEqualTo(2);
        assertThat(times.steps).isEqualTo(301);
        assertThat(times.baseline).isEqualTo(200);
        assertThat(times.step).isEqualTo(100);
    }

    @Test
    void longBodiesAreNotRepeated() {
        var calls = new StringBuilder();
        var timer =
                new InterleavedTimer(
                        side(calls, 'a', 60_000_000), side(calls, 'b', 51_000_000), () -> {});
        timer.run(new StepBenchmark.Times());
        timer.run(new StepBenchmark.Times());
        assertThat(calls).hasToString("abba");
    }

    private static LongSupplier side(StringBuilder calls, char name, long nanos) {
        return () -> {
            calls.append(name);
            return nanos;
        };
    }

    private static void referenceSteps(HostModel model, int steps) {
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(AdamW.defaults())
                                .group("all", model.parameters())
                                .backend(backend)
                                .build()) {
            for (int i = 0; i < steps; i++) {
                optimizer.step();
            }
        }
    }

    /** What the steps of that work come to: written down here a second time. */
    private static void referenceSteps(HostModel model, Scenario scenario, List<Turn> turns) {
        try (var backend = Backend.named("reference")) {
            var builder =
                    Optimizer.builder(AdamW.defaults())
                            .group("all", model.parameters())
                            .backend(backend);
            if (scenario == Scenario.CLIP_STEP_ZERO) {
                builder.clipGlobalNorm(1).zeroGradients(true);
            }
            if (scenario == Scenario.LOSS_SCALE) {
                builder.lossScale(LossScale.fixed(1024));
            }
            if (scenario == Scenario.AVERAGE) {
                builder.averageDecay(0.999);
            }
            try (var optimizer = builder.build()) {
                long step = 0;
                for (var turn : turns) {
                    if (turn.refilled()) {
                        model.refillGradients();
                    }
                    for (long i = 0; i < turn.steps(); i++, step++) {
                        if (scenario != Scenario.LOSS_SCALE || step % 10 != 9) {
                            optimizer.step();
                        }
                    }
                }
            }
        }
    }

    private static List<MemorySegment> outputs(HostModel model) {
        return model.parameters().stream()
                .flatMap(parameter -> parameter.outputs().values().stream())
                .map(output -> FloatView.of(output.memory(), output.type()).memory())
                .toList();
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
