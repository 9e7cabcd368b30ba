package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;

/** What a user of device memory sees of a step. */
@Tag("virtual-gpu")
class StepTest {

    private static final SGD RULE = SGD.withLearningRate(1);

    @ParameterizedTest
    @EnumSource
    void gradientsMayLieElsewhereAtEveryStep(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0, 0);
            var parameter = device.parameter("p", value);
            var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            for (int i = 1; i <= 20; i++) {
                parameter.gradient(device.floats(i, -i).memory());
                optimizer.step();
            }
            assertThat(Device.get(value)).containsExactly(-210, 210);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aParameterWithoutAGradientStandsStillAndSoDoesItsCount(Implementation implementation) {
        try (var device = implementation.device()) {
            var one = device.floats(1);
            var other = device.floats(1);
            var gradient = device.floats(1);
            var present = device.parameter("present", one).gradient(gradient.memory());
            var sometimes = device.parameter("sometimes", other);
            var optimizer =
                    device.build(Optimizer.builder(RULE).group("all", List.of(present, sometimes)));
            optimizer.step();
            sometimes.gradient(gradient.memory());
            optimizer.step();
            sometimes.clearGradient();
            optimizer.step();
            assertThat(Device.get(one)).containsExactly(-2);
            assertThat(Device.get(other)).containsExactly(0);
            assertThat(optimizer.report().counts())
                    .containsEntry("present", 3L)
                    .containsEntry("sometimes", 1L);
        }
    }

    @ParameterizedTest
    @EnumSource
    void hostMemoryIsRefusedByNameBeforeAnythingHappens(Implementation implementation) {
        try (var device = implementation.device();
                var arena = Arena.ofConfined()) {
            var value = device.floats(1);
            var host = arena.allocate(4, 4);
            assertThatThrownBy(
                            () ->
                                    device.build(
                                            Optimizer.builder(RULE)
                                                    .group(
                                                            "all",
                                                            List.of(
                                                                    Parameter.of(
                                                                            "w",
                                                                            Shape.of(1),
                                                                            host)))))
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContainingAll("value", "'w'", "host memory");
            var parameter = device.parameter("w", value).gradient(host);
            var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContainingAll("gradient", "'w'", "host memory");
            assertThat(Device.get(value)).containsExactly(1);
            parameter.gradient(device.floats(2).memory());
            optimizer.step();
            assertThat(Device.get(value)).containsExactly(-1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRefusedCallLosesNoneOfTheGradientsHandedIn(Implementation implementation) {
        try (var device = implementation.device();
                var arena = Arena.ofConfined()) {
            var one = device.floats(0);
            var two = device.floats(0);
            var first = device.parameter("first", one).gradient(device.floats(1).memory());
            var second = device.parameter("second", two).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(Optimizer.builder(RULE).group("all", List.of(first, second)));
            optimizer.step();
            first.gradient(device.floats(10).memory());
            second.gradient(arena.allocate(4, 4));
            assertThatThrownBy(optimizer::step).isInstanceOf(UnsupportedPlanException.class);
            second.gradient(device.floats(20).memory());
            optimizer.step();
            assertThat(Device.get(one)).containsExactly(-11);
            assertThat(Device.get(two)).containsExactly(-21);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFailingPolicyThrowsAtTheNextCallThatKnowsAndOnce(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(1);
            var gradient = device.floats(Float.POSITIVE_INFINITY);
            var parameter = device.parameter("p", value).gradient(gradient.memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(RULE)
                                    .nonFinite(NonFinitePolicy.FAIL)
                                    .group("all", List.of(parameter)));
            optimizer.step();
            assertThatThrownBy(optimizer::report).isInstanceOf(NonFiniteGradientException.class);
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            assertThat(Device.get(value)).containsExactly(1);
            Device.set(gradient, 1);
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(1);
            assertThat(Device.get(value)).containsExactly(0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsWrittenToABufferIsThereForEveryStream(Implementation implementation) {
        try (var device = implementation.device()) {
            var buffer = device.floats(0, 0);
            buffer.write(4, MemorySegment.ofArray(new float[] {7}));
            // The memory of the device that the tests have is the host's.
            var memory =
                    MemorySegment.ofAddress(buffer.memory().address())
                            .reinterpret(buffer.memory().byteSize());
            assertThat(memory.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(0, 7);
        }
    }

    @ParameterizedTest
    @EnumSource
    void thousandsOfStepsSeeTheSchedulesFactorOfEach(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(RULE)
                                    .schedule(Schedule.of(step -> step % 3))
                                    .group("all", List.of(parameter)));
            for (int i = 0; i < 9000; i++) {
                optimizer.step();
            }
            assertThat(Device.get(value)).containsExactly(-9000);
            assertThat(optimizer.report().step()).isEqualTo(9000);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aScheduleThatEndsThrowsAtItsEndAndNotBefore(Implementation implementation) {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(RULE)
                                    .schedule(Schedule.of(step -> step <= 3 ? 1 : Double.NaN))
                                    .group("all", List.of(parameter)));
            for (int i = 0; i < 3; i++) {
                optimizer.step();
            }
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("step 4");
            assertThat(Device.get(value)).containsExactly(-3);
        }
    }

    @ParameterizedTest
    @EnumSource
    void afterAnEndOfWhateverKindTheOptimizerIsStillAskedAndSaved(
            Implementation implementation, @TempDir Path folder) throws IOException {
        double[] table = {1, 1, 1};
        var file = folder.resolve("ended.safetensors");
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(RULE)
                                    .schedule(Schedule.of(step -> table[(int) step - 1]))
                                    .group("all", List.of(parameter)));
            for (int i = 0; i < table.length; i++) {
                optimizer.step();
            }

            assertThat(optimizer.report().step()).isEqualTo(3);
            optimizer.save(file);
            optimizer.load(file);
            assertThat(optimizer.report().step()).isEqualTo(3);
            assertThatThrownBy(optimizer::step).isInstanceOf(ArrayIndexOutOfBoundsException.class);
            assertThat(Device.get(value)).containsExactly(-3);
        }
    }

    @ParameterizedTest
    @EnumSource
    void stepsWorkFromVirtualThreadsThatMoveBetweenCarriers(Implementation implementation)
            throws InterruptedException {
        try (var device = implementation.device()) {
            var value = device.floats(0);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            for (int i = 0; i < 8; i++) {
                var thread = Thread.startVirtualThread(optimizer::step);
                thread.join();
            }
            assertThat(Device.get(value)).containsExactly(-8);
        }
    }
}
