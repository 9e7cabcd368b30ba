package org.panoptim.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.*;
import ai.djl.ndarray.types.*;
import ai.djl.nn.*;
import ai.djl.training.*;
import ai.djl.training.dataset.*;
import ai.djl.training.optimizer.*;
import ai.djl.translate.*;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.parameter.*;
import org.panoptim.rule.*;
import org.panoptim.schedule.*;

import java.io.IOException;
import java.nio.file.Path;

/**
 * The code that docs/djl.md shows, compiled and run. Imports are of whole packages: what it uses
 * has no namesake in DJL's.
 */
class DjlPageTest {

    @Test
    void theRunTrainsAndIsSaved(@TempDir Path folder) throws Exception {
        try (var model = Digits.model();
                var manager = model.getNDManager().newSubManager()) {
            var file = folder.resolve("optimizer.safetensors");
            train(model, Digits.config(), Digits.data(manager), file);
            assertThat(file).isNotEmptyFile();
        }
    }

    private static void train(Model model, TrainingConfig config, Dataset data, Path file)
            throws IOException, TranslateException {
        // snippet:start
        try (var trainer =
                PanoptimTrainer.of(
                        model,
                        config,
                        Rules.adamW(3e-3),
                        (builder, parameters) ->
                                builder.matrixDecay(parameters.list(), 0.1)
                                        .schedule(Schedule.warmupCosine(100, 10_000))
                                        .clipGlobalNorm(1))) {
            trainer.initialize(new Shape(1, 20));
            EasyTrain.fit(trainer, 5, data, null);
            trainer.optimizer().save(file);
        }
        // snippet:end
        assertThat(model.getBlock().getParameters()).isNotEmpty();
    }
}
