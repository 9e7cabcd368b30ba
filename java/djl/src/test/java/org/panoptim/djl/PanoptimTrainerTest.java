package org.panoptim.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.metric.Metrics;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.ConstantInitializer;
import ai.djl.training.tracker.Tracker;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** DJL's own loop with steps of this library. */
class PanoptimTrainerTest {

    private static Map<String, float[]> trained(UpdateRule rule, int epochs) throws Exception {
        try (var model = Digits.model();
                var trainer = PanoptimTrainer.of(model, Digits.config(), rule)) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, epochs);
            return Digits.values(model);
        }
    }

    private static Map<String, float[]> trainedByDjl(
            ai.djl.training.optimizer.Optimizer optimizer, int epochs) throws Exception {
        try (var model = Digits.model();
                var trainer = model.newTrainer(Digits.config(optimizer))) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, epochs);
            return Digits.values(model);
        }
    }

    private static void assertClose(Map<String, float[]> actual, Map<String, float[]> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach(
                (name, values) ->
                        assertThat(actual.get(name))
                                .as(name)
                                .containsExactly(values, within(2e-5f)));
    }

    @Test
    void itStepsAsDjlsOwnOptimizerDoes() throws Exception {
        var sgd = ai.djl.training.optimizer.Optimizer.sgd();
        var expected =
                trainedByDjl(
                        sgd.setLearningRateTracker(Tracker.fixed(0.1f)).optMomentum(0.9f).build(),
                        4);
        assertClose(trained(SGD.withLearningRate(0.1).withMomentum(0.9), 4), expected);
    }

    @Test
    void theValuesAreTheEnginesOwn() throws Exception {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
            trainer.initialize(Digits.INPUT);
            var before = Digits.values(model);
            Digits.backward(trainer);
            trainer.step();
            assertThat(Digits.values(model)).isNotEqualTo(before);
            for (var each : model.getBlock().getParameters()) {
                if (each.getValue().requiresGradient()) {
                    assertThat(each.getValue().getArray().getGradient().toFloatArray())
                            .as("%s: zeros after the step", each.getKey())
                            .containsOnly(0);
                }
            }
        }
    }

    @Test
    void groupsAreMadeByNameAndShape() throws Exception {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(
                                model,
                                Digits.config(),
                                AdamW.withLearningRate(1e-2),
                                (builder, parameters) ->
                                        builder.group(
                                                        "matrices",
                                                        parameters.where(
                                                                each -> each.shape().rank() > 1))
                                                .group(
                                                        "others",
                                                        parameters.where(
                                                                each -> each.shape().rank() <= 1),
                                                        rule -> rule.atLearningRate(0)))) {
            trainer.initialize(Digits.INPUT);
            var before = Digits.values(model);
            Digits.fit(trainer, 1);
            var after = Digits.values(model);
            assertThat(trainer.optimizer().report().step()).isEqualTo(3);
            assertThat(trainer.optimizer().group("matrices").parameters()).hasSize(2);
            // Two biases, gamma and beta; the running statistics are the model's.
            assertThat(trainer.optimizer().group("others").parameters()).hasSize(4);
            for (var each : model.getBlock().getParameters()) {
                boolean moved = each.getValue().getType() == Parameter.Type.WEIGHT;
                if (each.getValue().requiresGradient()) {
                    assertThat(
                                    !java.util.Arrays.equals(
                                            before.get(each.getKey()), after.get(each.getKey())))
                            .as(each.getKey())
                            .isEqualTo(moved);
                }
            }
        }
    }

    @Test
    void matricesDecayAlone() {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(
                                model,
                                Digits.config(),
                                AdamW.withLearningRate(1e-2),
                                (builder, parameters) ->
                                        builder.matrixDecay(parameters.list(), 0.1))) {
            trainer.initialize(Digits.INPUT);
            assertThat(trainer.optimizer().group("decay").parameters()).hasSize(2);
            assertThat(trainer.optimizer().group("no decay").parameters()).hasSize(4);
        }
    }

    @Test
    void whatIsInNoGroupMakesUpOne() {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(
                                model,
                                Digits.config(),
                                AdamW.withLearningRate(1e-2),
                                (builder, _) -> builder.clipGlobalNorm(1))) {
            trainer.initialize(Digits.INPUT);
            assertThat(trainer.optimizer().group("all").parameters()).isNotEmpty();
        }
    }

    @Test
    void badGroupsAreRefusedWhenTheModelIsInitialized() {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(
                                model,
                                Digits.config(),
                                AdamW.withLearningRate(1e-2),
                                (builder, all) ->
                                        builder.group("one", all.list())
                                                .group("two", all.list()))) {
            assertThatThrownBy(() -> trainer.initialize(Digits.INPUT))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("named");
        }
    }

    @Test
    void whatIsFrozenStaysAndGoesOnWhenItIsNotAnyMore() throws Exception {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), AdamW.withLearningRate(0.01))) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 1);
            var first = model.getBlock().getParameters().get(0);
            first.getValue().freeze(true);
            var frozen = first.getValue().getArray().toFloatArray();
            Digits.fit(trainer, 1);
            assertThat(first.getValue().getArray().toFloatArray()).isEqualTo(frozen);
            first.getValue().freeze(false);
            Digits.fit(trainer, 1);
            assertThat(first.getValue().getArray().toFloatArray()).isNotEqualTo(frozen);
        }
    }

    @Test
    void initializersAreTheConfigs() {
        var config = Digits.config();
        config.optInitializer(new ConstantInitializer(0.25f), Parameter.Type.BIAS);
        try (var model = Digits.model();
                var trainer = PanoptimTrainer.of(model, config, SGD.withLearningRate(0.1))) {
            trainer.initialize(Digits.INPUT);
            for (var each : model.getBlock().getParameters()) {
                if (each.getValue().getType() == Parameter.Type.BIAS) {
                    assertThat(each.getValue().getArray().toFloatArray()).containsOnly(0.25f);
                }
            }
        }
    }

    @Test
    void aLoadedModelIsTrainedOn(@TempDir Path folder) throws Exception {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 1);
            model.save(folder, "digits");
        }
        try (var model = Digits.model()) {
            model.load(folder, "digits");
            try (var trainer =
                    PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
                trainer.initialize(Digits.INPUT);
                var before = Digits.values(model);
                Digits.fit(trainer, 1);
                assertThat(Digits.values(model).get(before.keySet().iterator().next()))
                        .isNotEqualTo(before.values().iterator().next());
            }
        }
    }

    @Test
    void aRunGoesOnFromItsCheckpoint(@TempDir Path folder) throws Exception {
        var expected = trained(AdamW.withLearningRate(0.01), 3);
        var states = folder.resolve("states.safetensors");
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), AdamW.withLearningRate(0.01))) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 1);
            model.save(folder, "digits");
            trainer.optimizer().save(states);
        }
        try (var model = Digits.model()) {
            model.load(folder, "digits");
            try (var trainer =
                    PanoptimTrainer.of(model, Digits.config(), AdamW.withLearningRate(0.01))) {
                trainer.initialize(Digits.INPUT);
                trainer.optimizer().load(states);
                Digits.fit(trainer, 2);
                assertThat(Digits.values(model))
                        .usingRecursiveComparison()
                        .isEqualTo(new LinkedHashMap<>(expected));
            }
        }
    }

    @Test
    void trackersAreSchedules() throws Exception {
        Tracker tracker =
                Tracker.multiFactor()
                        .setSteps(new int[] {2, 5})
                        .optFactor(0.1f)
                        .setBaseValue(0.5f)
                        .build();
        var schedule = Trackers.schedule(tracker, 0.5);
        Tracker other =
                Tracker.multiFactor()
                        .setSteps(new int[] {2, 5})
                        .optFactor(0.1f)
                        .setBaseValue(0.5f)
                        .build();
        for (int step = 1; step < 9; step++) {
            assertThat(schedule.factor(step) * 0.5).isEqualTo(other.getNewValue(step));
        }
        assertThatThrownBy(() -> Trackers.schedule(tracker, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("learning rate");
    }

    @Test
    void aStepWithoutABackwardPassIsRefused() {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
            trainer.initialize(Digits.INPUT);
            var before = Digits.values(model);
            assertThatThrownBy(trainer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("backward");
            assertThat(Digits.values(model)).usingRecursiveComparison().isEqualTo(before);
        }
    }

    @Test
    void aModelThatIsNotInitializedIsRefused() {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
            assertThatThrownBy(trainer::step)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("initialize(shapes)");
        }
    }

    @Test
    void devicesThatHaveNoAddressesAreRefused() {
        var config = Digits.config();
        config.optDevices(new Device[] {Device.gpu()});
        try (Model model = Digits.model()) {
            assertThatThrownBy(() -> PanoptimTrainer.of(model, config, SGD.withLearningRate(0.1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("Device.cpu()");
        }
    }

    @Test
    void metricsHaveTheTimeOfSteps() throws Exception {
        try (var model = Digits.model();
                var trainer =
                        PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1))) {
            trainer.setMetrics(new Metrics());
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 2);
            assertThat(trainer.getMetrics().getMetric("step")).hasSize(6);
        }
    }

    @Test
    void afterClosingNothingIsStepped() throws Exception {
        try (var model = Digits.model()) {
            var trainer = PanoptimTrainer.of(model, Digits.config(), SGD.withLearningRate(0.1));
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 1);
            var optimizer = trainer.optimizer();
            trainer.close();
            assertThatThrownBy(optimizer::step).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(trainer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("this trainer is closed");
        }
    }
}
