package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Optional;

/** What K-FAC writes into a checkpoint is checked before any of it is taken up. */
class DamagedCheckpointTest {

    @TempDir private Path folder;

    private static OneLayer trained() {
        var layer = new OneLayer(builder -> builder.damping(.01).inversePeriod(2));
        for (int step = 0; step < 3; step++) {
            layer.accumulate(random(6, INPUTS, step), random(6, OUTPUTS, 100 + step));
            layer.gradient(random(OUTPUTS, INPUTS + 1, 200 + step));
            layer.optimizer.step();
        }
        return layer;
    }

    @Test
    void aByteThatChangedAnywhereIsNoticedAndNothingIsTakenUp() throws IOException {
        var file = folder.resolve("file.safetensors");
        try (var layer = trained()) {
            layer.optimizer.save(file);
            var good = Files.readAllBytes(file);
            layer.kfac.damping(.5);
            var factor = layer.inputFactor();
            for (int i = 0; i < good.length; i++) {
                var damaged = good.clone();
                damaged[i] ^= (byte) (1 << i % 8);
                Files.write(file, damaged);
                assertThatThrownBy(() -> layer.optimizer.load(file))
                        .as("byte %d", i)
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining(file.toString());
            }
            assertThat(layer.kfac.damping()).isEqualTo(.5);
            assertThat(layer.inputFactor()).isDeepEqualTo(factor);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "steps, -1",
        "steps, 9223372036854775807",
        "steps, 1.5",
        "damping, 0",
        "damping, NaN",
        "damping, Infinity",
        "layer.l, 1",
        "layer.l, -1 0",
        "layer.l, 0 -1",
        "layer.l, 9223372036854775807 0",
        "layer.l, 3 0 2 2 3 1",
        "layer.l, 3 0 -2 2 3 1 1",
        "layer.l, 3 0 2 -2 3 1 1",
        "layer.l, 3 0 2 2 -3 1 1",
        "layer.l, 3 0 2 2 3 -1 1",
        "layer.l, 3 0 2 2 3 1 NaN",
        "layer.l, 3 0 2 2 3 Infinity 1",
        // An inverse of more updates than its layer has taken.
        "layer.l, 0 0",
        "inputs.l, 1 0.1 1.0 0.0",
        "inputs.l, -1 0.1 1.0 0.0 0",
        "inputs.l, 9223372036854775807 0.1 1.0 0.0 0",
        "inputs.l, 1 -0.1 1.0 0.0 0",
        "inputs.l, 1 NaN 1.0 0.0 0",
        "inputs.l, 1 Infinity 1.0 0.0 0",
        "outputs.l, 1 0.1 -1.0 0.0 0",
        "outputs.l, 1 0.1 NaN 0.0 0",
        "outputs.l, 1 0.1 1.0 NaN 0",
        "outputs.l, 1 0.1 1.0 -1.0 0",
        "outputs.l, 1 0.1 1.0 0.0 -1",
        "outputs.l, 1 0.1 1.0 0.0 x",
        "kind, ada-fisher"
    })
    void valuesThatCannotBeAreRefused(String key, String text) {
        try (var layer = trained()) {
            var metadata = new LinkedHashMap<>(layer.kfac.metadata());
            assertThat(metadata).containsKey(key);
            assertThatCode(() -> layer.kfac.checkMetadata(metadata)).doesNotThrowAnyException();
            metadata.put(key, Optional.ofNullable(text).orElse(""));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> layer.kfac.checkMetadata(metadata));
        }
    }
}
