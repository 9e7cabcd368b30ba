package org.panoptim.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.training.EasyTrain;
import ai.djl.training.TrainingConfig;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.rule.Rules;
import org.panoptim.schedule.Schedule;

import java.io.IOException;
import java.nio.file.Path;

/** The code that docs/djl.md shows, compiled and run. */
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
            trainer.initialize(Digits.INPUT);
            EasyTrain.fit(trainer, 5, data, null);
            trainer.optimizer().save(file);
        }
        // snippet:end
        assertThat(model.getBlock().getParameters()).isNotEmpty();
    }
}
