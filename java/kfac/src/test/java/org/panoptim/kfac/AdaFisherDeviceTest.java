package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.rule.AdaFisher;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** AdaFisher's curvature where a device decides on the steps: all is as on the host. */
class AdaFisherDeviceTest {

    private final TestDevice device = new TestDevice();
    @TempDir private Path folder;

    private static void attempt(FisherLayers layers, int attempt, boolean refused) {
        layers.accumulate("first", attempt % 3 == 1 ? Double.NaN : 1 + attempt);
        if (attempt % 2 == 0) {
            layers.accumulate("second", 1 + attempt);
        }
        layers.gradient(layers.w2, refused ? Double.NaN : 1);
        layers.optimizer.step();
    }

    private static void assertSame(FisherLayers onDevice, FisherLayers onHost) {
        for (var parameter : List.of(onHost.w1, onHost.b1, onHost.w2)) {
            assertThat(onDevice.optimizer.state(parameter.name(), "fisher").toArray())
                    .containsExactly(onHost.fisher(parameter));
        }
        assertThat(onDevice.curvature.states())
                .extracting(StateTensor::toArray)
                .containsExactlyElementsOf(
                        onHost.curvature.states().stream().map(StateTensor::toArray).toList());
        assertThat(onDevice.curvature.metadata()).isEqualTo(onHost.curvature.metadata());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void whereSomeAttemptsAreRefusedAllIsAsOnTheHost(int period) {
        try (var onHost = new FisherLayers(period);
                var onDevice = new FisherLayers(device, period)) {
            for (int attempt = 0; attempt < 20; attempt++) {
                for (var layers : List.of(onHost, onDevice)) {
                    if (attempt == 4) {
                        layers.optimizer.freeze("b1");
                    }
                    if (attempt == 13) {
                        layers.optimizer.unfreeze("b1");
                    }
                    attempt(layers, attempt, attempt == 0 || attempt == 7);
                }
                if (attempt % 5 == 3) {
                    assertSame(onDevice, onHost);
                }
            }
            assertSame(onDevice, onHost);
        }
    }

    /** Why a contribution is not taken up. */
    enum Failure {
        THE_STEP_IS_REFUSED,
        IT_IS_NOT_FINITE
    }

    @ParameterizedTest
    @EnumSource
    void theLastUpdateIsKnownThoughLaterContributionsWereNotTakenUp(Failure failure) {
        try (var onHost = new FisherLayers(1);
                var onDevice = new FisherLayers(device, 1)) {
            for (var layers : List.of(onHost, onDevice)) {
                layers.optimizer.freeze("b1");
                layers.accumulate("first");
                for (int step = 0; step < 4; step++) {
                    layers.optimizer.step();
                }
                layers.optimizer.unfreeze("b1");
                if (failure == Failure.THE_STEP_IS_REFUSED) {
                    layers.accumulate("first");
                    layers.gradient(layers.w2, Double.NaN);
                } else {
                    layers.accumulate("first", Double.NaN);
                }
                layers.optimizer.step();
                layers.gradient(layers.w2, 1);
                layers.optimizer.step();
            }
            assertSame(onDevice, onHost);
            int refused = failure == Failure.IT_IS_NOT_FINITE ? 1 : 0;
            assertThat(onDevice.curvature.metadata())
                    .containsEntry("layer.first", "1 " + refused + " 0 true false");
        }
    }

    @Test
    void withoutAPeriodTheHostWaitsWhereOtherParametersAreReachedAlone() {
        try (var layers = new FisherLayers(device, 1)) {
            attempt(layers, 0, false);
            int before = device.questions;
            for (int attempt = 1; attempt < 9; attempt++) {
                attempt(layers, attempt, attempt == 4);
            }
            assertThat(device.questions).isEqualTo(before);
            layers.optimizer.freeze("b1");
            attempt(layers, 9, false);
            assertThat(device.questions).isGreaterThan(before);
            before = device.questions;
            for (int attempt = 10; attempt < 19; attempt++) {
                attempt(layers, attempt, attempt == 14);
            }
            assertThat(device.questions).isEqualTo(before);
        }
    }

    @Test
    void aChangeOfTheOptimizerLosesNoSteps() {
        try (var onHost = new FisherLayers(1);
                var onDevice = new FisherLayers(device, 1)) {
            for (var layers : List.of(onHost, onDevice)) {
                for (int attempt = 0; attempt < 5; attempt++) {
                    attempt(layers, attempt, attempt == 1);
                }
                layers.changeOptimizer();
            }
            assertSame(onDevice, onHost);
            assertThat(onDevice.curvature.metadata()).containsEntry("steps", "4");
        }
    }

    @Test
    void withAnotherOptimizerItGoesOnWhereItWas() {
        try (var onHost = new FisherLayers(3);
                var onDevice = new FisherLayers(device, 3)) {
            for (var layers : List.of(onHost, onDevice)) {
                for (int attempt = 0; attempt < 5; attempt++) {
                    attempt(layers, attempt, attempt == 1);
                }
                layers.curvature.factorsDue();
                layers.changeOptimizer();
                for (int attempt = 5; attempt < 11; attempt++) {
                    attempt(layers, attempt, attempt == 6);
                }
            }
            assertSame(onDevice, onHost);
            assertThat(onDevice.curvature.metadata()).containsEntry("steps", "9");
        }
    }

    @Test
    void itGoesOnFromACheckpointOfTheHost() throws IOException {
        var file = folder.resolve("file");
        try (var onHost = new FisherLayers(3);
                var onDevice = new FisherLayers(device, 3)) {
            for (int attempt = 0; attempt < 5; attempt++) {
                attempt(onHost, attempt, attempt == 3);
            }
            onHost.optimizer.save(file);
            // It has taken another step before, of which nothing may be left.
            attempt(onDevice, 50, false);
            onDevice.optimizer.load(file);
            for (int attempt = 5; attempt < 11; attempt++) {
                attempt(onHost, attempt, attempt == 6);
                attempt(onDevice, attempt, attempt == 6);
            }
            assertSame(onDevice, onHost);
        }
    }

    @Test
    void aLoadDropsWhatWaitsInTheQueue() throws IOException {
        var file = folder.resolve("file");
        try (var layers = new FisherLayers(device, 2)) {
            layers.optimizer.save(file);
            layers.accumulate("first");
            layers.optimizer.load(file);
            layers.optimizer.step();
            assertThat(layers.fisher(layers.w1)).containsOnly(1);
            assertThat(layers.curvature.metadata())
                    .containsEntry("layer.first", "0 0 -1 true true");
        }
    }

    @Test
    void aStepThatFailsCanBeCalledAgain() {
        try (var onHost = new FisherLayers(2);
                var onDevice = new FisherLayers(device, 2)) {
            for (var layers : List.of(onHost, onDevice)) {
                layers.optimizer.step();
                layers.accumulate("first");
            }
            var before = onDevice.curvature.metadata();
            device.fail("commit");
            assertThatThrownBy(onDevice.optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("commit fails");
            assertThat(onDevice.curvature.metadata()).isEqualTo(before);
            device.recover();
            onHost.optimizer.step();
            onDevice.optimizer.step();
            assertSame(onDevice, onHost);
        }
    }

    @Test
    void itsBackendMustBeTheOneThatTheOptimizerStepsOn() {
        try (var layers = new FisherLayers(device, 2)) {
            var other = new TestDevice(device);
            try (var curvature =
                            AdaFisherCurvature.builder(other).layer("second", layers.w2).build();
                    var optimizer =
                            Optimizer.builder(AdaFisher.withLearningRate(1))
                                    .group("all", List.of(layers.w2))
                                    .transform(curvature)
                                    .backend(device)
                                    .build()) {
                assertThatThrownBy(optimizer::step)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage(
                                "this curvature must be built on the very backend that the"
                                        + " optimizer steps on");
            }
            other.close();
        }
    }
}
