package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.Buffer;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A framework's graph takes steps that the host does not count: it finds the schedule's values all
 * the same, the right ones and as many as promised.
 */
@Tag("virtual-gpu")
class SharedScheduleTest {

    /** The launches that are promised between calls that wait. */
    private static final int PROMISED = 2048;

    /** A parameter of one element with a gradient of 1, trained on a framework's stream. */
    private static final class Training {

        final Buffer value;
        final Buffer gradient;
        final Optimizer optimizer;

        Training(Framework framework, Schedule schedule) {
            var device = framework.device;
            value = device.floats(0);
            gradient = device.floats(1);
            var parameter = device.parameter("p", value).gradient(gradient.memory());
            optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .schedule(schedule)
                                    .nonFinite(NonFinitePolicy.SKIP)
                                    .group("all", List.of(parameter)));
        }

        void steps(int count) {
            for (int i = 0; i < count; i++) {
                optimizer.step();
            }
        }

        void assertSteps(int expected) {
            assertThat(optimizer.report().step()).isEqualTo(expected);
            assertThat(Device.get(value)).containsExactly(-expected);
        }
    }

    @ParameterizedTest
    @CsvSource({"FFM, 0", "FFM, 1", "FFM, 1000", "FFM, 2000", "JCUDA, 1000"})
    void itGoesOnAsPromisedAfterPlainSteps(Implementation implementation, int before) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            training.steps(before);
            var graph = framework.capture(training.optimizer::step);
            graph.launch(PROMISED);
            training.assertSteps(before + PROMISED);
        }
    }

    @ParameterizedTest
    @EnumSource
    void itGoesOnAsPromisedAfterAReport(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            training.steps(1000);
            var graph = framework.capture(training.optimizer::step);
            training.optimizer.report();
            graph.launch(PROMISED);
            training.assertSteps(1000 + PROMISED);
        }
    }

    @ParameterizedTest
    @EnumSource
    void plainStepsInBetweenTakeNoneOfThePromisedLaunches(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            var graph = framework.capture(training.optimizer::step);
            for (int i = 0; i < 32; i++) {
                graph.launch(PROMISED / 32);
                training.steps(3);
            }
            training.assertSteps(PROMISED + 3 * 32);
        }
    }

    @ParameterizedTest
    @EnumSource
    void ofMoreLaunchesSomeAreRefusedAndTold(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            var graph = framework.capture(training.optimizer::step);
            graph.launch(2 * PROMISED);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("refused", "more than 2048 times", "report()");
        }
    }

    @ParameterizedTest
    @EnumSource
    void afterALoadItFindsNoValueOfBefore(Implementation implementation, @TempDir Path folder)
            throws IOException {
        var file = folder.resolve("beginning.safetensors");
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            training.optimizer.save(file);
            var graph = framework.capture(training.optimizer::step);
            training.steps(1000);
            training.optimizer.load(file);
            graph.launch(PROMISED + 500);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("refused");
        }
    }

    @ParameterizedTest
    @EnumSource
    void whenTheScheduleEndsTheRefusalSaysThatToo(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.of(step -> step <= 3 ? 1 : Double.NaN));
            var graph = framework.capture(training.optimizer::step);
            graph.launch(5);
            assertThatThrownBy(training.optimizer::report)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("2 steps were refused", "no value");
            training.assertSteps(3);
        }
    }

    @ParameterizedTest
    @EnumSource
    void ownLaunchesFindTheirStepsAfterThousandsOfAFramework(Implementation implementation) {
        ownLaunchesAfterAFrameworks(implementation, 1, 3000);
    }

    @ParameterizedTest
    @EnumSource
    void ownLaunchesFindTheirStepsAfterAFrameworkHadThousandsRefused(
            Implementation implementation) {
        ownLaunchesAfterAFrameworks(implementation, Float.NaN, 0);
    }

    private static void ownLaunchesAfterAFrameworks(
            Implementation implementation, float gradient, int taken) {
        try (var framework = new Framework(implementation)) {
            var training = new Training(framework, Schedule.constant());
            var graph = framework.capture(training.optimizer::step);
            var captured = framework.device.capture(training.optimizer);
            Device.set(training.gradient, gradient);
            for (int i = 0; i < 6; i++) {
                graph.launch(500);
                training.optimizer.report();
            }
            Device.set(training.gradient, 1);
            for (int i = 0; i < 3000; i++) {
                captured.launch();
            }
            training.assertSteps(taken + 3000);
        }
    }

    /** Steps 1 to 20 at 1, the others as a plateau says, and it says so. */
    private record Warmup(ReduceOnPlateau plateau) implements Schedule {

        @Override
        public double factor(long step) {
            return step <= 20 ? 1 : plateau.factor(step);
        }

        @Override
        public Map<String, Double> state() {
            return plateau.state();
        }

        @Override
        public void restore(Map<String, Double> state) {
            plateau.restore(state);
        }
    }

    private static ReduceOnPlateau plateau() {
        return new ReduceOnPlateau(0.5, 0, 0, 0, 0);
    }

    private static void lower(ReduceOnPlateau plateau) {
        plateau.observe(1);
        assertThat(plateau.observe(2)).isTrue();
    }

    /** 20 steps at 1 and 20 at 0.5. */
    private static void assertLowered(Training training) {
        assertThat(training.optimizer.report().learningRates()).containsEntry("all", 0.5);
        assertThat(Device.get(training.value)).containsExactly(-30);
    }

    @ParameterizedTest
    @EnumSource
    void aPlateauBehindAWarmupReachesItWithTheNextReport(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var plateau = plateau();
            var training = new Training(framework, new Warmup(plateau));
            var graph = framework.capture(training.optimizer::step);
            graph.launch(10);
            lower(plateau);
            training.optimizer.report();
            graph.launch(30);
            assertLowered(training);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPlateauThatTheScheduleDoesNotTellOfReachesItToo(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var plateau = plateau();
            var training =
                    new Training(
                            framework, Schedule.of(step -> step <= 20 ? 1 : plateau.factor(step)));
            var graph = framework.capture(training.optimizer::step);
            graph.launch(10);
            lower(plateau);
            training.optimizer.report();
            graph.launch(30);
            assertLowered(training);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPlateauLoweredBeforeTheCaptureReachesIt(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var plateau = plateau();
            var training = new Training(framework, new Warmup(plateau));
            training.steps(10);
            lower(plateau);
            training.optimizer.report();
            var graph = framework.capture(training.optimizer::step);
            graph.launch(30);
            assertLowered(training);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPlainStepBringsThePlateauToo(Implementation implementation) {
        try (var framework = new Framework(implementation)) {
            var plateau = plateau();
            var training = new Training(framework, new Warmup(plateau));
            var graph = framework.capture(training.optimizer::step);
            graph.launch(10);
            lower(plateau);
            training.optimizer.step();
            graph.launch(29);
            assertLowered(training);
        }
    }
}
