package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.memory.HostMemory;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.function.UnaryOperator;

/** Checkpoints of an optimizer with K-FAC. */
class ResumeTest {

    private static final UnaryOperator<Kfac.Builder> SETTINGS =
            builder -> builder.damping(.01).inversePeriod(4).factorPeriod(2).warmNewton(1e-3);

    @TempDir private Path folder;

    private static OneLayer layer() {
        return new OneLayer(SETTINGS);
    }

    private static void train(OneLayer layer, int from, int to) {
        for (int step = from; step < to; step++) {
            contribute(layer, step);
            layer.optimizer.step();
        }
    }

    private static void contribute(OneLayer layer, int step) {
        layer.accumulate(random(6, INPUTS, step), random(6, OUTPUTS, 100 + step));
        layer.gradient(random(OUTPUTS, INPUTS + 1, 200 + step));
    }

    private static void copyValues(OneLayer from, OneLayer to) {
        for (int i = 0; i < 6; i++) {
            ((HostMemory) to.weight.value())
                    .segment()
                    .setAtIndex(ValueLayout.JAVA_FLOAT, i, values(from)[i]);
        }
    }

    private static float[] values(OneLayer layer) {
        return ((HostMemory) layer.weight.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    @Test
    void itGoesOnWithTheSameBitsOffARefreshStepToo() throws IOException {
        for (int at : new int[] {1, 4, 5, 6, 7}) {
            try (var straight = layer();
                    var resumed = layer()) {
                train(straight, 0, at);
                var file = folder.resolve("at-" + at + ".safetensors");
                straight.optimizer.save(file);
                // It has taken other steps before, of which nothing may be left.
                train(resumed, 50, 53);
                resumed.optimizer.load(file);
                copyValues(straight, resumed);
                train(straight, at, at + 9);
                train(resumed, at, at + 9);
                assertThat(values(resumed)).containsExactly(values(straight));
                assertThat(resumed.state("kfac.input_inverse"))
                        .isDeepEqualTo(straight.state("kfac.input_inverse"));
            }
        }
    }

    @Test
    void aChangedDampingIsTakenUp() throws IOException {
        try (var straight = layer();
                var resumed = layer()) {
            train(straight, 0, 1);
            straight.kfac.damping(.5);
            var file = folder.resolve("damping.safetensors");
            straight.optimizer.save(file);
            resumed.optimizer.load(file);
            assertThat(resumed.kfac.damping()).isEqualTo(.5);
        }
    }

    @Test
    void savingBetweenAContributionAndItsStepLeavesItOutAndChangesNothing() throws IOException {
        var pending = folder.resolve("pending");
        var clean = folder.resolve("clean");
        try (var straight = layer();
                var interrupted = layer();
                var resumed = layer()) {
            train(straight, 0, 4);
            train(interrupted, 0, 4);
            straight.optimizer.save(clean);
            contribute(interrupted, 4);
            interrupted.optimizer.save(pending);
            assertThat(pending).hasSameBinaryContentAs(clean);

            resumed.optimizer.load(pending);
            copyValues(straight, resumed);
            train(straight, 4, 9);
            interrupted.optimizer.step();
            train(interrupted, 5, 9);
            train(resumed, 4, 9);
            assertThat(values(interrupted)).containsExactly(values(straight));
            assertThat(values(resumed)).containsExactly(values(straight));
        }
    }

    @Test
    void contributionsAreDroppedOnRequest() {
        try (var straight = layer();
                var dropped = layer()) {
            train(straight, 0, 4);
            train(dropped, 0, 4);
            dropped.accumulate(random(6, INPUTS, 77), random(6, OUTPUTS, 78));
            assertThatThrownBy(dropped.kfac::refresh)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("discard() first");
            dropped.kfac.discard();
            train(straight, 4, 9);
            train(dropped, 4, 9);
            assertThat(values(dropped)).containsExactly(values(straight));
        }
    }

    @Test
    void whatIsDueAtASaveIsDueAfterIt() throws IOException {
        var file = folder.resolve("due");
        UnaryOperator<Optimizer.Builder<SGD>> skip =
                builder -> builder.nonFinite(NonFinitePolicy.SKIP);
        try (var straight = new OneLayer(SETTINGS, skip);
                var resumed = new OneLayer(SETTINGS, skip)) {
            train(straight, 0, 4);
            contribute(straight, 4);
            straight.gradient(Matrices.scale(Double.NaN, random(OUTPUTS, INPUTS + 1, 1)));
            straight.optimizer.step();
            straight.optimizer.save(file);
            train(resumed, 50, 51);
            resumed.optimizer.load(file);
            copyValues(straight, resumed);
            assertThat(resumed.kfac.factorsDue()).isTrue();
            train(straight, 4, 12);
            train(resumed, 4, 12);
            assertThat(values(resumed)).containsExactly(values(straight));
        }
    }

    @Test
    void aFileOfAnOlderVersionGoesOnInItsPeriods() {
        try (var straight = layer();
                var resumed = layer()) {
            train(straight, 0, 5);
            var metadata = new HashMap<>(straight.kfac.metadata());
            // Two counts only, and what was said of all layers together.
            metadata.computeIfPresent(
                    "layer.l",
                    (_, text) -> String.join(" ", List.of(text.split(" ")).subList(0, 2)));
            metadata.put("changed", "false");
            metadata.put("refreshed", "true");
            resumed.kfac.checkMetadata(metadata);
            resumed.kfac.restore(metadata);
            for (int i = 0; i < straight.kfac.states().size(); i++) {
                resumed.kfac.states().get(i).set(straight.kfac.states().get(i).toArray());
            }
            copyValues(straight, resumed);
            train(straight, 5, 12);
            train(resumed, 5, 12);
            assertThat(values(resumed)).containsExactly(values(straight));
        }
    }

    @Test
    void whatStandsInForAnInverseIsThatOfTheOptimizerThatLoads() throws IOException {
        var file = folder.resolve("without");
        UnaryOperator<Kfac.Builder> identity =
                builder -> SETTINGS.apply(builder).withoutInverse(WithoutInverse.IDENTITY);
        var gradient = random(OUTPUTS, INPUTS + 1, 3);
        for (var settings : List.of(SETTINGS, identity)) {
            try (var first = new OneLayer(settings == identity ? SETTINGS : identity);
                    var second = new OneLayer(settings)) {
                first.optimizer.save(file);
                second.optimizer.load(file);
                second.gradient(gradient);
                second.optimizer.step();
                var expected = settings == identity ? gradient : Matrices.scale(0, gradient);
                double nu = second.kfac.klCoefficient().orElseThrow();
                assertThat(
                                Matrices.largestDifference(
                                        second.gradient(), Matrices.scale(nu, expected)))
                        .isLessThan(1e-6);
            }
        }
    }

    @Test
    void aCheckpointWithoutFactorsOrOfOtherLayersIsRefusedAndNothingChanges() throws IOException {
        try (var layer = layer();
                var other =
                        new OneLayer(
                                builder -> builder, builder -> builder.transform(step -> {}))) {
            train(layer, 0, 3);
            other.gradient(random(OUTPUTS, INPUTS + 1, 1));
            other.optimizer.step();
            var without = folder.resolve("without.safetensors");
            other.optimizer.save(without);
            var before = layer.inputFactor();
            assertThatThrownBy(() -> layer.optimizer.load(without))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("the checkpoint has none");
            assertThat(layer.inputFactor()).isDeepEqualTo(before);

            var with = folder.resolve("with.safetensors");
            layer.optimizer.save(with);
            assertThatThrownBy(() -> other.optimizer.load(with))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("transform");
        }
    }
}
