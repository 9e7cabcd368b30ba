package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.cuda.Layers.Batch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;

/**
 * A framework captures in global mode, as PyTorch does: a call that allocates, waits or queries is
 * refused and invalidates the capture. An optimizer makes none.
 */
@Tag("virtual-gpu")
class ForeignCaptureTest {

    private static final SGD RULE = SGD.withLearningRate(1);

    /** So many that the addresses of gradients and curvatures outgrow the schedule's ring. */
    private static final int MANY = 3200;

    /** Many parameters of one element, in one piece of memory as their gradients are. */
    private static final class Many {
        final Buffer values;
        final Buffer gradients;
        final Optimizer optimizer;

        Many(Device device, int count) {
            values = device.floats(new float[count]);
            var ones = new float[count];
            Arrays.fill(ones, 1);
            gradients = device.floats(ones);
            var parameters = new ArrayList<Parameter>();
            for (int i = 0; i < count; i++) {
                parameters.add(
                        Parameter.of("p" + i, Shape.of(1), element(values, i))
                                .gradient(element(gradients, i)));
            }
            optimizer = device.build(Optimizer.builder(RULE).group("all", parameters));
        }

        private static DeviceMemory element(Buffer buffer, int index) {
            return new DeviceMemory(
                    ((DeviceMemory) buffer.memory()).address() + (long) index * Float.BYTES,
                    Float.BYTES);
        }

        void assertValues(float expected) {
            assertThat(Device.get(values)).containsOnly(expected);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anOptimizerOfThousandsOfTensorsIsCapturedTwice(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var many = new Many(framework.device, MANY);
            Runnable stepAndZero =
                    () -> {
                        many.optimizer.step();
                        many.optimizer.zeroGrad();
                    };
            var first = framework.capture(stepAndZero);
            var second = framework.capture(stepAndZero);
            first.run();
            many.assertValues(-1);
            assertThat(Device.get(many.gradients)).containsOnly(0);
            var twos = new float[MANY];
            Arrays.fill(twos, 2);
            Device.set(many.gradients, twos);
            second.run();
            many.assertValues(-3);
            assertThat(many.optimizer.report().step()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCaptureTooManyIsRefusedAndLeftAsItWas(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var many = new Many(framework.device, 3);
            var optimizer = many.optimizer;
            Runnable stepAndZero =
                    () -> {
                        optimizer.step();
                        optimizer.zeroGrad();
                    };
            framework.capture(stepAndZero);
            framework.capture(stepAndZero);
            // What else the framework captures is not lost.
            var other =
                    framework.capture(
                            () -> {
                                var values = (DeviceMemory) many.values.memory();
                                framework.driver.fill(values.address(), 0, 3, framework.stream);
                                assertThatThrownBy(optimizer::step)
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessageContainingAll(
                                                "captured 4 times",
                                                "outside a capture",
                                                "report()");
                            });
            Device.set(many.values, 5, 5, 5);
            other.run();
            many.assertValues(0);
            // Any call outside frees the space again, each time.
            for (int i = 1; i <= 3; i++) {
                optimizer.report();
                var graph = framework.capture(optimizer::step);
                framework.capture(stepAndZero);
                graph.run();
                many.assertValues(-i);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatCannotBeCapturedIsRefusedBeforeItEndsTheCapture(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var device = framework.device;
            var many = new Many(device, 3);
            var optimizer = many.optimizer;
            var captured = device.capture(optimizer);
            var parameter = device.parameter("q", device.floats(1));
            var transformed =
                    device.build(
                            Optimizer.builder(RULE)
                                    .transform(_ -> {})
                                    .group(
                                            "all",
                                            List.of(
                                                    device.parameter("r", device.floats(1))
                                                            .gradient(device.floats(1).memory()))));
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            var factors = device.open(new KroneckerPlan(List.of(layer), 0.9));
            var batch = Batch.random(layer, 8, new Random(2)).on(device, layer);
            var refused = new LinkedHashMap<String, Runnable>();
            refused.put("learningRate", () -> optimizer.learningRate("all", 0.5));
            refused.put(
                    "add",
                    () -> optimizer.add(new ParameterGroup("more", RULE, List.of(parameter))));
            refused.put("capture", optimizer::capture);
            refused.put("launch", captured::launch);
            refused.put("report", optimizer::report);
            refused.put("lossScale", optimizer::lossScale);
            refused.put("step with a transform", transformed::step);
            refused.put("allocate", () -> device.backend().allocate(4));
            refused.put(
                    "build",
                    () ->
                            Optimizer.builder(RULE)
                                    .group("all", List.of(parameter))
                                    .backend(device.backend())
                                    .build());
            refused.put(
                    "build with rules that are not loaded",
                    () ->
                            Optimizer.builder(Lion.defaults())
                                    .group("all", List.of(parameter))
                                    .backend(device.backend())
                                    .build());
            refused.put("accumulate", () -> factors.accumulate(0, batch));
            refused.put("open factors", () -> device.open(new KroneckerPlan(List.of(layer), 0.9)));
            refused.put(
                    "open diagonals",
                    () ->
                            device.open(
                                    new FisherPlan(
                                            List.of(layer), FisherAverage.NORMALISED_EMA, 0.9)));
            refused.put("open a backend", () -> framework.open().close());
            var graph =
                    framework.capture(
                            () -> {
                                refused.forEach(
                                        (what, call) ->
                                                assertThatThrownBy(call::run)
                                                        .as(what)
                                                        .isInstanceOf(IllegalStateException.class)
                                                        .hasMessageContaining("captured"));
                                optimizer.step();
                            });
            graph.run();
            many.assertValues(-1);
            assertThat(optimizer.groups().getFirst().rule().learningRate()).isEqualTo(1);
            // All of it goes on outside.
            captured.launch();
            transformed.step();
            optimizer.learningRate("all", 0.5);
            optimizer.step();
            many.assertValues(-2.5f);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsClosedInACaptureIsRefusedAndClosedBehindIt(Implementation implementation) {
        var kinds = List.of("allocations", "pinned", "events", "graphs", "modules");
        try (var framework = new Framework(implementation)) {
            var device = framework.device;
            var value = device.floats(0);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            // What is loaded and allocated once.
            device.open(new KroneckerPlan(List.of(layer), 0.9));
            var before = kinds.stream().map(VirtualGpu::live).toList();
            var optimizer =
                    Optimizer.builder(RULE)
                            .group("all", List.of(parameter))
                            .backend(device.backend())
                            .build();
            var captured = optimizer.capture();
            var buffer = device.backend().allocate(4);
            var factors =
                    FactorEngines.of(device.backend()).open(new KroneckerPlan(List.of(layer), 0.9));
            var diagonals =
                    FactorEngines.of(device.backend())
                            .open(
                                    new FisherPlan(
                                            List.of(layer), FisherAverage.NORMALISED_EMA, 0.9));
            var other = framework.open();
            var closed = new LinkedHashMap<String, Runnable>();
            closed.put("captured step", captured::close);
            closed.put("optimizer", optimizer::close);
            closed.put("buffer", buffer::close);
            closed.put("factors", factors::close);
            closed.put("diagonals", diagonals::close);
            closed.put("backend", other::close);
            var graph =
                    framework.capture(
                            () -> {
                                optimizer.step();
                                closed.forEach(
                                        (what, close) ->
                                                assertThatThrownBy(close::run)
                                                        .as(what)
                                                        .isInstanceOf(IllegalStateException.class)
                                                        .hasMessageContaining("captured"));
                            });
            graph.run();
            captured.launch();
            assertThat(Device.get(value)).containsExactly(-2);
            closed.values().forEach(Runnable::run);
            framework.destroyGraphs();
            assertThat(kinds.stream().map(VirtualGpu::live).toList()).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @EnumSource
    void onceItsGraphsAreOfNoUseStepsWaitForNothingAgain(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var device = framework.device;
            var many = new Many(device, 3);
            framework.capture(many.optimizer::step);
            many.optimizer.add(
                    new ParameterGroup(
                            "more", RULE, List.of(device.parameter("q", device.floats(1)))));
            for (int i = 0; i < 40; i++) {
                many.optimizer.step();
            }
            // The memory of the device that the tests have is the host's, and work is done late.
            var memory = MemorySegment.ofAddress(many.values.memory().address()).reinterpret(4);
            assertThat(memory.get(ValueLayout.JAVA_FLOAT, 0)).isZero();
            many.assertValues(-40);
        }
    }

    @ParameterizedTest
    @EnumSource
    void flightRecorderHasNoEventForAStepThatIsOnlyCaptured(
            Implementation implementation, @TempDir Path folder) throws IOException {
        var file = folder.resolve("steps.jfr");
        try (var framework = new Framework(implementation);
                var recording = new Recording()) {
            recording.enable("org.panoptim.Step");
            recording.start();
            var many = new Many(framework.device, 3);
            var graph = framework.capture(many.optimizer::step);
            many.assertValues(0);
            graph.run();
            many.assertValues(-1);
            many.optimizer.step();
            recording.stop();
            recording.dump(file);
        }
        assertThat(RecordingFile.readAllEvents(file))
                .singleElement()
                .satisfies(event -> assertThat(event.getLong("step")).isEqualTo(2));
    }
}
