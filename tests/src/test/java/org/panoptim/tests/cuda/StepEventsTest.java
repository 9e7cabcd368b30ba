package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.rule.SophiaG;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Flight Recorder sees the steps of a device, and changes nothing of what their caller sees. */
@Tag("virtual-gpu")
class StepEventsTest {

    /** Attempts that are refused are told by the next call, which makes none. */
    private static void train(Device device) {
        var gradient = device.floats(Float.NaN);
        var parameter = device.parameter("p", device.floats(0)).gradient(gradient.memory());
        var optimizer =
                device.build(
                        Optimizer.builder(SophiaG.defaults())
                                .nonFinite(NonFinitePolicy.FAIL)
                                .group("all", List.of(parameter)));
        parameter.curvature(device.floats(1).memory());
        optimizer.step();
        assertThat(parameter.hasCurvature()).as("curvature of the refused attempt").isFalse();

        Device.set(gradient, 1);
        Device.get(gradient);
        parameter.curvature(device.floats(1).memory());
        assertThatThrownBy(optimizer::step).isInstanceOf(NonFiniteGradientException.class);
        assertThat(parameter.hasCurvature()).as("curvature of the call that told").isTrue();

        optimizer.step();
        assertThat(parameter.hasCurvature()).as("curvature that was used").isFalse();
        assertThat(optimizer.report().step()).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource
    void thereIsOneEventForEachAttempt(Implementation implementation, @TempDir Path folder)
            throws IOException {
        var file = folder.resolve("steps.jfr");
        try (var device = implementation.device()) {
            train(device);
            try (var recording = new Recording()) {
                recording.enable("org.panoptim.Step");
                recording.start();
                train(device);
                recording.stop();
                recording.dump(file);
            }
        }
        assertThat(RecordingFile.readAllEvents(file))
                .extracting(StepEventsTest::accepted)
                .containsExactly(false, true);
    }

    private static boolean accepted(RecordedEvent event) {
        return event.getBoolean("accepted");
    }
}
