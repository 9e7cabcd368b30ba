package org.panoptim.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.Adagrad;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.RMSprop;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;

import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** DJL's own trainer with optimizers of this library. */
class PanoptimOptimizerTest {

    private static Map<String, float[]> trained(ArrayOptimizer optimizer) throws Exception {
        try (optimizer;
                var model = Digits.model();
                var trainer = model.newTrainer(Digits.config(optimizer))) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 3);
            return Digits.values(model);
        }
    }

    private static Map<String, float[]> trainedAtOnce(UpdateRule rule) throws Exception {
        try (var model = Digits.model();
                var trainer = PanoptimTrainer.of(model, Digits.config(), rule)) {
            trainer.initialize(Digits.INPUT);
            Digits.fit(trainer, 3);
            return Digits.values(model);
        }
    }

    @Test
    void itGivesTheBitsOfTheTrainer() throws Exception {
        for (UpdateRule rule :
                List.of(
                        AdamW.defaults(),
                        RMSprop.withLearningRate(0.01),
                        Adagrad.withLearningRate(0.05))) {
            assertThat(trained(PanoptimOptimizer.of(rule)))
                    .as(rule.name())
                    .usingRecursiveComparison()
                    .isEqualTo(trainedAtOnce(rule));
        }
        assertThat(trained(PanoptimOptimizer.adamW()))
                .usingRecursiveComparison()
                .isEqualTo(trainedAtOnce(AdamW.defaults()));
    }

    @Test
    void gradientsAreClippedOnBothSides() throws Exception {
        double bound = 1e-4;
        try (var model = Digits.model();
                var optimizer =
                        PanoptimOptimizer.of(
                                SGD.withLearningRate(1),
                                Schedule.constant(),
                                OptionalDouble.of(bound));
                var trainer = model.newTrainer(Digits.config(optimizer))) {
            trainer.initialize(Digits.INPUT);
            var before = Digits.values(model);
            Digits.backward(trainer);
            trainer.step();
            var after = Digits.values(model);
            float least = 0;
            float most = 0;
            for (var each : model.getBlock().getParameters()) {
                if (each.getValue().requiresGradient()) {
                    for (int i = 0; i < before.get(each.getKey()).length; i++) {
                        float moved = after.get(each.getKey())[i] - before.get(each.getKey())[i];
                        least = Math.min(least, moved);
                        most = Math.max(most, moved);
                    }
                }
            }
            assertThat(least).isBetween(-1.01e-4f, -0.99e-4f);
            assertThat(most).isBetween(0.99e-4f, 1.01e-4f);
        }
    }

    @Test
    void rulesThatNeedSumsOverAllAreRefused() {
        assertThatThrownBy(() -> PanoptimOptimizer.of(Prodigy.defaults()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("prodigy", "PanoptimTrainer");
    }

    @Test
    void aClosedOneIsRefused() throws Exception {
        var optimizer = PanoptimOptimizer.adamW();
        try (var model = Digits.model();
                var trainer = model.newTrainer(Digits.config(optimizer))) {
            trainer.initialize(Digits.INPUT);
            Digits.backward(trainer);
            optimizer.close();
            assertThatThrownBy(trainer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }
}
