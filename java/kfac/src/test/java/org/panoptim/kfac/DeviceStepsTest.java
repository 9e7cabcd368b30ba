package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * K-FAC where a device decides on the steps: all is as on the host, which waits for the device only
 * where what comes next depends on what was decided.
 */
class DeviceStepsTest {

    private static final UnaryOperator<Optimizer.Builder<SGD>> SKIP =
            builder -> builder.nonFinite(NonFinitePolicy.SKIP);

    /** The device of the layer that was made last. */
    private TestDevice device = new TestDevice();

    @TempDir private Path folder;

    private static OneLayer layer(Backend backend, int factorPeriod, int inversePeriod) {
        return new OneLayer(
                backend,
                builder ->
                        builder.damping(.01)
                                .factorPeriod(factorPeriod)
                                .inversePeriod(inversePeriod),
                SKIP);
    }

    private static OneLayer onHost(int factorPeriod, int inversePeriod) {
        return layer(Backend.named("reference"), factorPeriod, inversePeriod);
    }

    private OneLayer onDevice(int factorPeriod, int inversePeriod) {
        device = new TestDevice();
        return layer(device, factorPeriod, inversePeriod);
    }

    private static void contribute(OneLayer layer, int attempt) {
        layer.accumulate(random(6, INPUTS, attempt), random(6, OUTPUTS, 100 + attempt));
    }

    private static void attempt(OneLayer layer, int attempt, boolean refused) {
        contribute(layer, attempt);
        attemptWithoutRows(layer, attempt, refused);
    }

    private static void attemptWithoutRows(OneLayer layer, int attempt, boolean refused) {
        layer.gradient(
                scale(
                        refused ? Double.POSITIVE_INFINITY : 1,
                        random(OUTPUTS, INPUTS + 1, 200 + attempt)));
        layer.optimizer.step();
    }

    private static void assertSame(OneLayer onDevice, OneLayer onHost) {
        assertThat(values(onDevice)).containsExactly(values(onHost));
        for (int i = 0; i < 4; i++) {
            assertThat(onDevice.kfac.states().get(i).toArray())
                    .containsExactly(onHost.kfac.states().get(i).toArray());
        }
        assertThat(onDevice.kfac.report()).isEqualTo(onHost.kfac.report());
        assertThat(onDevice.kfac.metadata()).isEqualTo(onHost.kfac.metadata());
    }

    private static float[] values(OneLayer layer) {
        return ((HostMemory) layer.weight.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 4", "1, 100", "2, 4", "3, 4", "5, 10", "4, 3"})
    void whereSomeAttemptsAreRefusedAllIsAsOnTheHost(int factorPeriod, int inversePeriod) {
        for (var refused : List.of(Set.of(), Set.of(0), Set.of(3, 4, 5), Set.of(4, 8, 9, 10))) {
            try (var onHost = onHost(factorPeriod, inversePeriod);
                    var onDevice = onDevice(factorPeriod, inversePeriod)) {
                for (int attempt = 0; attempt < 22; attempt++) {
                    attempt(onHost, attempt, refused.contains(attempt));
                    attempt(onDevice, attempt, refused.contains(attempt));
                    if (attempt % 7 == 6) {
                        assertThat(onDevice.kfac.factorsDue()).isEqualTo(onHost.kfac.factorsDue());
                    }
                }
                assertSame(onDevice, onHost);
                assertThat(onDevice.kfac.refresh()).isEqualTo(onHost.kfac.refresh());
                attempt(onHost, 22, false);
                attempt(onDevice, 22, false);
                assertSame(onDevice, onHost);
            }
        }
    }

    /** The attempts, of 22 that are all accepted, for which the host waits. */
    private List<Integer> waits(OneLayer layer) {
        var waits = new ArrayList<Integer>();
        for (int attempt = 0; attempt < 22; attempt++) {
            int before = device.questions;
            attempt(layer, attempt, false);
            if (device.questions > before) {
                waits.add(attempt);
            }
        }
        return waits;
    }

    @Test
    void withoutAPeriodOfTheFactorsTheHostWaitsForRefreshesAlone() {
        try (var layer = onDevice(1, 10)) {
            assertThat(waits(layer)).containsExactly(0, 10, 20);
        }
    }

    @Test
    void withAPeriodItWaitsWhereAnUpdateMayBeDueAndToLearnWhetherItWasTaken() {
        try (var layer = onDevice(5, 10)) {
            // Updates at 0, 5, 10, 15 and 20; refreshes at 0, 10 and 20, which tell of both.
            assertThat(waits(layer)).containsExactly(0, 5, 6, 10, 15, 16, 20);
        }
    }

    @Test
    void withoutRowsThereIsNothingToWaitFor() {
        try (var layer = onDevice(1, 10)) {
            attempt(layer, 0, false);
            int before = device.questions;
            for (int attempt = 1; attempt < 22; attempt++) {
                attemptWithoutRows(layer, attempt, false);
            }
            assertThat(device.questions).isEqualTo(before);
        }
    }

    @Test
    void theDeviceKnowsTheLossScale() {
        var backend = Backend.named("reference");
        UnaryOperator<Kfac.Builder> settings = builder -> builder.damping(.01);
        UnaryOperator<Optimizer.Builder<SGD>> scaled =
                builder -> builder.lossScale(LossScale.fixed(1024));
        try (var onHost = new OneLayer(backend, settings, scaled);
                var onDevice = new OneLayer(device, settings, scaled)) {
            int before = device.questions;
            contribute(onDevice, 0);
            assertThat(device.questions).isEqualTo(before);
            contribute(onHost, 0);
            attemptWithoutRows(onHost, 0, false);
            attemptWithoutRows(onDevice, 0, false);
            assertSame(onDevice, onHost);
        }
    }

    @Test
    void withAnotherOptimizerItGoesOnWhereItWas() {
        try (var onHost = onHost(3, 4);
                var onDevice = onDevice(3, 4)) {
            for (var layer : List.of(onHost, onDevice)) {
                for (int attempt = 0; attempt < 5; attempt++) {
                    attempt(layer, attempt, attempt == 1);
                }
                layer.kfac.factorsDue();
                layer.changeOptimizer();
                for (int attempt = 5; attempt < 16; attempt++) {
                    attempt(layer, attempt, attempt == 6);
                }
            }
            assertSame(onDevice, onHost);
            assertThat(onDevice.kfac.metadata()).containsEntry("steps", "14");
        }
    }

    @Test
    void aChangeOfTheOptimizerLosesNoSteps() {
        try (var onHost = onHost(1, 100);
                var onDevice = onDevice(1, 100)) {
            for (var layer : List.of(onHost, onDevice)) {
                for (int attempt = 0; attempt < 5; attempt++) {
                    attempt(layer, attempt, attempt == 1);
                }
                layer.changeOptimizer();
            }
            assertThat(onDevice.kfac.metadata()).isEqualTo(onHost.kfac.metadata());
            assertThat(onDevice.kfac.metadata()).containsEntry("steps", "4");
        }
    }

    @Test
    void theLastUpdateIsKnownThoughLaterContributionsWereNotTakenUp() {
        for (boolean refused : new boolean[] {true, false}) {
            try (var onHost = onHost(1, 100);
                    var onDevice = onDevice(1, 100)) {
                for (var layer : List.of(onHost, onDevice)) {
                    attempt(layer, 0, false);
                    attempt(layer, 1, false);
                    attemptWithoutRows(layer, 2, false);
                    if (refused) {
                        contribute(layer, 3);
                    } else {
                        layer.accumulate(
                                scale(Double.NaN, random(6, INPUTS, 3)), random(6, OUTPUTS, 103));
                    }
                    attemptWithoutRows(layer, 3, refused);
                    attemptWithoutRows(layer, 4, false);
                }
                assertSame(onDevice, onHost);
                assertThat(onDevice.kfac.metadata().get("layer.l"))
                        .startsWith(refused ? "2 0 1 " : "2 1 1 ");
            }
        }
    }

    @Test
    void itGoesOnFromACheckpointOfTheHostAndTheOtherWayRound() throws IOException {
        var file = folder.resolve("file");
        for (int at : new int[] {1, 4, 5, 6}) {
            try (var onHost = onHost(3, 4);
                    var onDevice = onDevice(3, 4);
                    var back = onHost(3, 4)) {
                for (int attempt = 0; attempt < at; attempt++) {
                    attempt(onHost, attempt, false);
                }
                onHost.optimizer.save(file);
                // It has taken other steps before, of which nothing may be left.
                attempt(onDevice, 50, false);
                attempt(onDevice, 51, false);
                onDevice.optimizer.load(file);
                Matrices.copyValues(onHost.weight, onDevice.weight);
                for (int attempt = at; attempt < 12; attempt++) {
                    attempt(onHost, attempt, attempt == 7);
                    attempt(onDevice, attempt, attempt == 7);
                }
                assertSame(onDevice, onHost);
                onDevice.optimizer.save(file);
                back.optimizer.load(file);
                assertThat(back.kfac.metadata()).isEqualTo(onHost.kfac.metadata());
            }
        }
    }

    @Test
    void aLoadDropsWhatWaitsInTheQueue() throws IOException {
        var file = folder.resolve("file");
        try (var layer = onDevice(1, 10)) {
            attempt(layer, 0, false);
            layer.optimizer.save(file);
            contribute(layer, 1);
            layer.optimizer.load(file);
            var factor = layer.inputFactor();
            assertThat(layer.kfac.refresh().factors()).hasSize(2);
            attemptWithoutRows(layer, 1, false);
            assertThat(layer.inputFactor()).isDeepEqualTo(factor);
        }
    }

    @Test
    void afterALoadNothingIsLeftToLearnOfTheStepsBefore() throws IOException {
        var file = folder.resolve("file");
        try (var layer = onDevice(5, 10)) {
            attempt(layer, 0, false);
            layer.optimizer.save(file);
            for (int attempt = 1; attempt < 6; attempt++) {
                attempt(layer, attempt, false);
            }
            layer.optimizer.load(file);
            attemptWithoutRows(layer, 1, false);
            int before = device.questions;
            assertThat(layer.kfac.factorsDue("l")).isFalse();
            assertThat(device.questions).isEqualTo(before);
        }
    }

    @Test
    void inversesThatHaveSeenAllUpdatesOfACheckpointAreNothingToWaitFor() throws IOException {
        var file = folder.resolve("file");
        try (var layer = onDevice(1, 10)) {
            attempt(layer, 0, false);
            layer.optimizer.save(file);
            layer.optimizer.load(file);
            int before = device.questions;
            for (int attempt = 1; attempt < 22; attempt++) {
                attemptWithoutRows(layer, attempt, false);
            }
            assertThat(device.questions).isEqualTo(before);
        }
    }

    @Test
    void aRefreshByHandCountsAsOneOfTheLastStep() {
        try (var onHost = onHost(5, 10);
                var onDevice = onDevice(5, 10)) {
            for (var layer : List.of(onHost, onDevice)) {
                for (int attempt = 0; attempt < 8; attempt++) {
                    attempt(layer, attempt, false);
                }
            }
            assertThat(onDevice.kfac.refresh()).isEqualTo(onHost.kfac.refresh());
            assertSame(onDevice, onHost);
            // Updates at steps 0 and 5, a refresh after step 7.
            assertThat(onDevice.kfac.metadata().get("layer.l")).startsWith("2 0 5 7 2 ");
        }
    }

    @Test
    void aFailedStepChangesNothingOfWhatIsDueNorOfWhatTheHostWaitsFor() {
        try (var onHost = onHost(5, 6);
                var onDevice = onDevice(5, 6)) {
            for (int attempt = 0; attempt < 6; attempt++) {
                attempt(onHost, attempt, false);
                attempt(onDevice, attempt, false);
            }
            // A refresh is due in this step. What it asks of the device also tells of the update of
            // step 5, and is taken back with the step.
            device.fail("precondition");
            assertThatThrownBy(() -> attemptWithoutRows(onDevice, 6, false))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("precondition fails");
            device.recover();
            attemptWithoutRows(onHost, 6, false);
            attemptWithoutRows(onDevice, 6, false);
            assertThat(onDevice.kfac.factorsDue("l")).isFalse();
            assertSame(onDevice, onHost);

            for (int attempt = 7; attempt < 12; attempt++) {
                attemptWithoutRows(onDevice, attempt, false);
            }
            contribute(onDevice, 12);
            device.fail("precondition");
            assertThatThrownBy(() -> attemptWithoutRows(onDevice, 12, false))
                    .hasMessage("precondition fails");
            device.recover();
            onDevice.kfac.discard();
            int before = device.questions;
            attemptWithoutRows(onDevice, 12, false);
            assertThat(device.questions).as("nothing has changed").isEqualTo(before);
        }
    }

    @Test
    void itsBackendMustBeTheOneThatTheOptimizerStepsOn() {
        var layer = onDevice(1, 10);
        var other = new TestDevice(device);
        try (layer;
                var kfac = Kfac.builder(other).layer("l", layer.weight, layer.bias).build();
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1))
                                .group("all", List.of(layer.weight, layer.bias))
                                .transform(kfac)
                                .backend(device)
                                .build()) {
            layer.gradient(random(OUTPUTS, INPUTS + 1, 1));
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "this Kfac must be built on the very backend that the optimizer steps"
                                    + " on");
            assertThat(values(layer)).containsOnly(0);
        }
        other.close();
    }
}
