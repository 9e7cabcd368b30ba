package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.CheckpointException;
import org.panoptim.HostMemory;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
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
            layer.accumulate(random(6, INPUTS, step), random(6, OUTPUTS, 100 + step));
            layer.gradient(random(OUTPUTS, INPUTS + 1, 200 + step));
            layer.optimizer.step();
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
                // It has a past of its own, of which nothing may be left.
                train(resumed, 50, 53);
                resumed.optimizer.load(file);
                for (int i = 0; i < 6; i++) {
                    float value = values(straight)[i];
                    ((HostMemory) resumed.weight.value())
                            .segment()
                            .setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                }
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
    void contributionsThatWaitForAStepAreNotLostInSilence() {
        try (var layer = layer()) {
            layer.accumulate(random(6, INPUTS, 1), random(6, OUTPUTS, 2));
            assertThatThrownBy(() -> layer.optimizer.save(folder.resolve("pending")))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no step has taken up yet");
            assertThatThrownBy(layer.kfac::refresh)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("no step has taken up yet");
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
