package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import jdk.jfr.EventType;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.backend.Backend;
import org.panoptim.backend.TestDevice;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.DeviceStep;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Steps in Flight Recorder. */
class StepEventTest {

    private static final String NAME = "org.panoptim.Step";

    @TempDir private Path folder;

    @FunctionalInterface
    private interface Steps {
        void run(Optimizer optimizer, Parameter parameter);
    }

    private List<RecordedEvent> record(boolean enable, Steps steps) throws IOException {
        var parameter = vector("p", 0, 0);
        var file = folder.resolve("steps.jfr");
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", List.of(parameter))
                                .schedule(Schedule.of(step -> step == 3 ? Double.NaN : 1))
                                .lossScale(LossScale.fixed(2))
                                .nonFinite(NonFinitePolicy.FAIL)
                                .clipGlobalNorm(1)
                                .statistics(true)
                                .backend(backend)
                                .build();
                var recording = new Recording()) {
            if (enable) {
                recording.enable(NAME);
            }
            recording.start();
            steps.run(optimizer, parameter);
            recording.stop();
            recording.dump(file);
        }
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals(NAME))
                .toList();
    }

    @Test
    void stepsAreNotRecordedUnlessSomebodyAsks() throws IOException {
        var events =
                record(
                        false,
                        (optimizer, parameter) -> {
                            assertThat(EventType.getEventType(StepEvent.class).isEnabled())
                                    .isFalse();
                            gradient(parameter, 1, 1);
                            optimizer.step();
                        });
        assertThat(events).isEmpty();
    }

    @Test
    void aRecordedStepSaysWhatCameOfIt() throws IOException {
        var events =
                record(
                        true,
                        (optimizer, parameter) -> {
                            gradient(parameter, 6, 8);
                            optimizer.step();
                            gradient(parameter, Float.NaN, 8);
                            assertThatThrownBy(optimizer::step)
                                    .isInstanceOf(NonFiniteGradientException.class);
                        });
        assertThat(events).hasSize(2);
        var taken = events.getFirst();
        double coefficient = 1 / (5 + 1e-6);
        assertThat(taken.getString("backend")).isEqualTo("reference");
        assertThat(taken.getLong("step")).isEqualTo(1);
        assertThat(taken.getBoolean("accepted")).isTrue();
        assertThat(taken.getDouble("gradientNorm")).isEqualTo(5);
        assertThat(taken.getDouble("clipCoefficient")).isEqualTo(coefficient);
        assertThat(taken.getDouble("updateNorm")).isBetween(0.999999, 1.0);
        assertThat(taken.getDouble("lossScale")).isEqualTo(2);
        assertThat(taken.getDuration()).isPositive();
        assertThat(taken.getStackTrace()).isNull();
        var refused = events.getLast();
        assertThat(refused.getLong("step")).isEqualTo(1);
        assertThat(refused.getBoolean("accepted")).isFalse();
        assertThat(refused.getDouble("gradientNorm")).isNaN();
        assertThat(refused.getBoolean("gradientMeasured")).isTrue();
        assertThat(refused.getDouble("updateNorm")).isNaN();
        assertThat(refused.getBoolean("updateMeasured")).isFalse();
    }

    @Test
    void theTimeOfAStepDoesNotIncludeFindingOutWhatCameOfIt() throws IOException {
        var parameter = gradient(vector("p", 0), 1);
        var file = folder.resolve("steps.jfr");
        var asked = new ArrayList<Instant>();
        try (var device = new TestDevice();
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", List.of(parameter))
                                .backend(device)
                                .build();
                var recording = new Recording()) {
            device.beforeOutcome =
                    () -> {
                        asked.add(Instant.now());
                        LockSupport.parkNanos(300_000_000);
                    };
            recording.enable(NAME);
            recording.start();
            optimizer.step();
            recording.stop();
            recording.dump(file);
        }
        var event =
                RecordingFile.readAllEvents(file).stream()
                        .filter(each -> each.getEventType().getName().equals(NAME))
                        .findFirst()
                        .orElseThrow();
        assertThat(event.getEndTime()).isBefore(asked.getFirst().plusMillis(150));
    }

    @Test
    void aDevicesCallThatTellsOfAnEarlierAttemptIsNotRecorded() throws IOException {
        var parameter = gradient(vector("p", 0), 1);
        var file = folder.resolve("steps.jfr");
        try (var device = new TestDevice();
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", List.of(parameter))
                                .backend(device)
                                .build();
                var recording = new Recording()) {
            device.deviceStep = Optional.of(new DeviceStep(64));
            recording.enable(NAME);
            recording.start();
            device.beforeStep =
                    () -> {
                        throw new NonFiniteGradientException(0);
                    };
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            device.beforeStep = () -> {};
            optimizer.step();
            recording.stop();
            recording.dump(file);
            // What came of it is looked at, not asked for, which would tell of refusals.
            assertThat(device.calls).endsWith("step", "observed").doesNotContain("outcome");
        }
        assertThat(RecordingFile.readAllEvents(file))
                .filteredOn(event -> event.getEventType().getName().equals(NAME))
                .singleElement()
                .satisfies(event -> assertThat(event.getBoolean("accepted")).isTrue());
    }

    @Test
    void aStepThatFailsBeforeItBeganIsNotRecorded() throws IOException {
        var events =
                record(
                        true,
                        (optimizer, parameter) -> {
                            gradient(parameter, 1, 1);
                            optimizer.step();
                            optimizer.step();
                            assertThatThrownBy(optimizer::step)
                                    .isInstanceOf(IllegalStateException.class)
                                    .hasMessageContaining("is NaN at step 3");
                        });
        assertThat(events).extracting(event -> event.getLong("step")).containsExactly(1L, 2L);
    }

    @Test
    void whatAStepDidToEachParameterIsRecordedWithStatistics() throws IOException {
        var moved = gradient(vector("moved", 3, 4), 4, -4);
        var still = vector("still", 1);
        var file = folder.resolve("parameters.jfr");
        try (var backend = Backend.named("reference");
                var optimizer = builder(moved, still).statistics(true).backend(backend).build();
                var silent = builder(moved, still).backend(backend).build();
                var recording = new Recording()) {
            recording.enable("org.panoptim.Parameter");
            recording.start();
            optimizer.step();
            silent.step();
            recording.stop();
            recording.dump(file);
        }
        var events = RecordingFile.readAllEvents(file);
        assertThat(events)
                .extracting(event -> event.getString("parameter"))
                .containsExactly("moved", "still");
        var first = events.getFirst();
        assertThat(first.getLong("step")).isEqualTo(1);
        assertThat(first.getString("group")).isEqualTo("all");
        assertThat(first.getDouble("learningRate")).isEqualTo(0.25);
        assertThat(first.getDouble("gradientNorm")).isEqualTo(Math.sqrt(32));
        assertThat(first.getDouble("valueNorm")).isEqualTo(Math.sqrt(29));
        assertThat(first.getDouble("updateNorm")).isEqualTo(Math.sqrt(2));
        assertThat(first.getDouble("heldShare")).isZero();
        assertThat(first.getString("numbers")).isEqualTo("sharpness=0.0");
        assertThat(first.getBoolean("updated")).isTrue();
        assertThat(events.getLast().getBoolean("hasGradient")).isFalse();
        assertThat(events.getLast().getBoolean("updated")).isFalse();
        assertThat(events.getLast().getString("numbers")).isEmpty();
        assertThat(events.getLast().getDouble("gradientNorm")).isNaN();
        assertThat(events.getLast().getDouble("updateNorm")).isNaN();
    }

    @Test
    void anAttemptThatIsRefusedWithAnExceptionSaysWhoseGradientWasNotFinite() throws IOException {
        var file = folder.resolve("parameters.jfr");
        var bad = gradient(vector("bad", 3, 4), 1, Float.NaN);
        var none = vector("none", 1);
        try (var backend = Backend.named("reference");
                var optimizer =
                        builder(bad, none)
                                .statistics(true)
                                .nonFinite(NonFinitePolicy.FAIL)
                                .backend(backend)
                                .build();
                var recording = new Recording()) {
            recording.enable("org.panoptim.Parameter");
            recording.start();
            assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
            recording.stop();
            recording.dump(file);
        }
        var events = RecordingFile.readAllEvents(file);
        assertThat(events)
                .extracting(event -> event.getString("parameter"))
                .containsExactly("bad", "none");
        assertThat(events)
                .extracting(event -> event.getBoolean("hasGradient"))
                .containsExactly(true, false);
        assertThat(events)
                .allSatisfy(
                        event -> {
                            assertThat(event.getDouble("gradientNorm")).isNaN();
                            assertThat(event.getBoolean("updated")).isFalse();
                            assertThat(event.getDouble("updateNorm")).isNaN();
                            assertThat(event.getLong("step")).isZero();
                        });
    }

    private static Optimizer.Builder<SGD> builder(Parameter... parameters) {
        return Optimizer.builder(SGD.withLearningRate(0.25))
                .group("all", List.of(parameters))
                .companion(SAM.withRho(0.1));
    }
}
