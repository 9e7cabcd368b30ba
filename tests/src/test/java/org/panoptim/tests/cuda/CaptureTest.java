package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.testkit.VirtualGpu;

import java.util.List;
import java.util.function.Consumer;

/** A step recorded as a graph goes on as a plain one does. */
@Tag("virtual-gpu")
class CaptureTest {

    private static final int STEPS = 10;
    private static final int BAD_STEP = 4;

    /** Takes ten steps, the fourth of them with a gradient that is not finite. */
    private static void takeSteps(Buffer gradient, Runnable step) {
        for (int i = 1; i <= STEPS; i++) {
            float last = i == BAD_STEP ? Float.NaN : i;
            Device.set(gradient, 0.5f * i, -i, last);
            step.run();
        }
    }

    private static Optimizer.Builder<AdamW> builder() {
        return Optimizer.builder(AdamW.withLearningRate(0.01))
                .schedule(Schedule.cosine(20))
                .lossScale(LossScale.dynamic())
                .nonFinite(NonFinitePolicy.SKIP)
                .clipGlobalNorm(1)
                .statistics(true);
    }

    /** What ten steps leave behind, taken in a given way. */
    private record Outcome(float[] values, float[] averages, Object report) {
        static Outcome of(Backend backend, Consumer<Run> way) {
            try (var run = new Run(backend)) {
                way.accept(run);
                return run.outcome();
            }
        }

        void assertSameAs(Outcome expected) {
            assertThat(values).containsExactly(expected.values);
            assertThat(averages).containsExactly(expected.averages);
            assertThat(report).isEqualTo(expected.report);
        }
    }

    private static final class Run implements AutoCloseable {
        private final Buffer value;
        private final Buffer gradient;
        private final Optimizer optimizer;

        Run(Backend backend) {
            value = backend.allocate(12);
            Device.set(value, 1, 2, 3);
            gradient = backend.allocate(12);
            var parameter =
                    org.panoptim.parameter.Parameter.of(
                                    "p", org.panoptim.tensor.Shape.of(3), value.memory())
                            .gradient(gradient.memory());
            optimizer = builder().group("all", List.of(parameter)).backend(backend).build();
        }

        Outcome outcome() {
            return new Outcome(
                    Device.get(value),
                    optimizer.state("p", "exp_avg").toArray(),
                    optimizer.report());
        }

        @Override
        public void close() {
            optimizer.close();
            gradient.close();
            value.close();
        }
    }

    private static void plainly(Run run) {
        takeSteps(run.gradient, run.optimizer::step);
    }

    @ParameterizedTest
    @EnumSource
    void aCapturedStepReplayedTenTimesEqualsTenPlainSteps(Implementation implementation) {
        try (var device = implementation.device();
                var reference = Backend.named("reference")) {
            var captured =
                    Outcome.of(
                            device.backend(),
                            run -> {
                                try (var step = run.optimizer.capture()) {
                                    takeSteps(run.gradient, step::launch);
                                }
                            });
            captured.assertSameAs(Outcome.of(device.backend(), CaptureTest::plainly));
            captured.assertSameAs(Outcome.of(reference, CaptureTest::plainly));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepInTheGraphOfAFrameworkEqualsAPlainOne(Implementation implementation) {
        var driver = implementation.driver();
        try (var owner = implementation.device();
                var reference = Backend.named("reference")) {
            long stream = owner.driver().createStream();
            try (var device = new Device(driver, CudaOptions.defaults().withStream(stream))) {
                var captured =
                        Outcome.of(
                                device.backend(),
                                run -> {
                                    driver.beginCapture(stream);
                                    run.optimizer.step();
                                    long graph = driver.endCapture(stream);
                                    long executable = driver.instantiate(graph);
                                    takeSteps(
                                            run.gradient,
                                            () -> driver.launchGraph(executable, stream));
                                    driver.synchronizeStream(stream);
                                    driver.destroyExecutableGraph(executable);
                                    driver.destroyGraph(graph);
                                });
                captured.assertSameAs(Outcome.of(reference, CaptureTest::plainly));
            }
            owner.driver().destroyStream(stream);
        }
    }

    @ParameterizedTest
    @EnumSource
    void plainStepsAndTheGraphOfAFrameworkTakeTurnsEachWithItsOwnGradient(
            Implementation implementation) {
        var driver = implementation.driver();
        try (var owner = implementation.device()) {
            long stream = owner.driver().createStream();
            try (var device = new Device(driver, CudaOptions.defaults().withStream(stream))) {
                var value = device.floats(0);
                var before = device.floats(100);
                var inGraph = device.floats(1);
                var parameter = device.parameter("p", value).gradient(before.memory());
                var optimizer =
                        device.build(
                                Optimizer.builder(SGD.withLearningRate(1))
                                        .group("all", List.of(parameter)));
                optimizer.step();
                parameter.gradient(inGraph.memory());
                driver.beginCapture(stream);
                optimizer.step();
                long graph = driver.endCapture(stream);
                long executable = driver.instantiate(graph);
                optimizer.step();
                assertThat(Device.get(value)).containsExactly(-101);
                parameter.gradient(before.memory());
                optimizer.step();
                driver.launchGraph(executable, stream);
                optimizer.step();
                assertThat(Device.get(value)).containsExactly(-302);
                driver.synchronizeStream(stream);
                driver.destroyExecutableGraph(executable);
                driver.destroyGraph(graph);
            }
            owner.driver().destroyStream(stream);
        }
    }

    @ParameterizedTest
    @EnumSource
    void plainAndCapturedStepsTakeTurnsEachWithItsOwnGradient(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var first = device.floats(1);
            var second = device.floats(10);
            var parameter = device.parameter("p", value).gradient(first.memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter)));
            try (var captured = optimizer.capture()) {
                parameter.gradient(second.memory());
                captured.launch();
                assertThat(Device.get(value)).containsExactly(-1);
                optimizer.step();
                assertThat(Device.get(value)).containsExactly(-11);
                captured.launch();
                assertThat(Device.get(value)).containsExactly(-12);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aClosedGraphGivesBackThePageLockedMemoryOfItsTables(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var gradient = device.floats(1);
            var parameter = device.parameter("p", value).gradient(gradient.memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter)));
            device.capture(optimizer).launch();
            long before = VirtualGpu.live("pinned");
            for (int i = 0; i < 20; i++) {
                try (var captured = optimizer.capture()) {
                    captured.launch();
                }
                for (var call : List.of("cuStreamEndCapture", "cuLaunchKernel")) {
                    VirtualGpu.fail(call, FrameworkCalls.OUT_OF_MEMORY, 1);
                    assertThatThrownBy(optimizer::capture).isInstanceOf(CudaException.class);
                }
            }
            // One more to replace that of the graph that is open.
            assertThat(VirtualGpu.live("pinned")).isEqualTo(before + 1);
            assertThat(Device.get(value)).containsExactly(-21);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aChangedLearningRateReachesTheGraph(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var gradient = device.floats(1);
            var parameter = device.parameter("p", value).gradient(gradient.memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter)));
            try (var captured = optimizer.capture()) {
                captured.launch();
                optimizer.learningRate("all", 0.5);
                captured.launch();
                assertThat(Device.get(value)).containsExactly(-1.5f);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aGraphEndsWhenParametersAreAdded(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var gradient = device.floats(1);
            var parameter = device.parameter("p", value).gradient(gradient.memory());
            var rule = SGD.withLearningRate(1);
            var optimizer = device.build(Optimizer.builder(rule).group("all", List.of(parameter)));
            try (var captured = optimizer.capture()) {
                optimizer.add(
                        new ParameterGroup(
                                "more", rule, List.of(device.parameter("q", device.floats(2)))));
                assertThatThrownBy(captured::launch)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("capture it again");
                assertThat(Device.get(value)).containsExactly(0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aGraphLaunchedPastTheScheduleThatTheHostWroteAheadRefusesAndTells(
            Implementation implementation) {
        var driver = implementation.driver();
        try (var owner = implementation.device()) {
            long stream = owner.driver().createStream();
            try (var device = new Device(driver, CudaOptions.defaults().withStream(stream))) {
                var value = device.floats(0);
                var gradient = device.floats(1);
                var parameter = device.parameter("p", value).gradient(gradient.memory());
                var optimizer =
                        device.build(
                                Optimizer.builder(SGD.withLearningRate(1))
                                        .group("all", List.of(parameter)));
                driver.beginCapture(stream);
                optimizer.step();
                long graph = driver.endCapture(stream);
                long executable = driver.instantiate(graph);
                for (int i = 0; i < 5000; i++) {
                    driver.launchGraph(executable, stream);
                }
                driver.synchronizeStream(stream);
                assertThatThrownBy(optimizer::report)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("refused");
                float reached = Device.get(value)[0];
                assertThat(reached).isBetween(-4096f, -2000f);
                assertThat(optimizer.report().step()).isEqualTo((long) -reached);
                driver.launchGraph(executable, stream);
                assertThat(Device.get(value)).containsExactly(reached - 1);
                driver.destroyExecutableGraph(executable);
                driver.destroyGraph(graph);
            }
            owner.driver().destroyStream(stream);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTransformOnTheHostIsNotCaptured(Implementation implementation) {
        try (var device = implementation.device()) {
            var parameter = device.parameter("p", device.floats(0));
            var optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .transform(_ -> {})
                                    .group("all", List.of(parameter)));
            assertThatThrownBy(optimizer::capture)
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContaining("transform");
        }
    }
}
