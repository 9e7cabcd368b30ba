package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' simplified loop, schedulefree/adamw_schedulefree_reference.py. */
class ScheduleFreeAdamWTest {

    private static final class Loop extends ScheduleFreeLoop {

        private final ScheduleFreeAdamW rule;
        private final double[][] v = zeros();

        Loop(ScheduleFreeAdamW rule) {
            super(
                    rule.learningRate(),
                    rule.beta1(),
                    rule.weightDecay(),
                    rule.warmupSteps(),
                    rule.r(),
                    rule.weightLrPower());
            this.rule = rule;
        }

        @Override
        double direction(int i, int j) {
            v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * g[i][j] * g[i][j];
            double unbiased = v[i][j] / (1 - Math.pow(rule.beta2(), t));
            return g[i][j] / (Math.sqrt(unbiased) + rule.epsilon());
        }
    }

    @ParameterizedTest
    @CsvSource({"0.8, 0, 0, 2", "0.8, 4, 0, 2", "0.5, 4, 1.5, 0.5", "0.8, 3, 2, 0"})
    void itFollowsItsAuthorsLoop(double beta1, long warmupSteps, double r, double weightLrPower) {
        var rule =
                new ScheduleFreeAdamW(0.3, beta1, 0.95, 0.05, 0.07, warmupSteps, r, weightLrPower);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theSecondMomentIsCorrectedByTheRulesSteps() {
        var rule = new ScheduleFreeAdamW(1, 0.5, 0.75, 0, 0, 0, 0, 2);
        try (var trial = new Trial(rule, 0)) {
            trial.setRuleState("k", 1);
            trial.step(4); // v = 0.25 * 16, over 1 - 0.75^2; c = 1
            assertThat(trial.state("exp_avg_sq")).containsExactly(4);
            float corrected = 2 * (float) (1 / Math.sqrt(1 - 0.75 * 0.75));
            assertThat(trial.value()).containsExactly(-(4 / corrected));
            assertThat(trial.ruleState("k")).isEqualTo(2);
        }
    }

    @Test
    void thePassesGoToTheAverageAndBack() {
        // With betas of 0 and gradients of one sign, steps of the second moment are signs.
        var rule = new ScheduleFreeAdamW(1, 0.5, 0, 0, 0, 0, 0, 2);
        try (var trial = new Trial(rule, 8)) {
            trial.step(2); // z = x = y = 7
            trial.step(4); // z = 6, x = 6.5, y = 6.25
            assertThat(trial.value()).containsExactly(6.25f);
            trial.run(ScheduleFreeAdamW.EVAL);
            assertThat(trial.value()).containsExactly(6.5f);
            assertThat(trial.state("z")).containsExactly(6);
            trial.run(ScheduleFreeAdamW.TRAIN);
            assertThat(trial.value()).containsExactly(6.25f);
            assertThat(trial.ruleState("k")).isEqualTo(2);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = ScheduleFreeAdamW.defaults();
        assertThat(rule).isEqualTo(new ScheduleFreeAdamW(2.5e-3, 0.9, 0.999, 1e-8, 0, 0, 0, 2));
        assertThat(ScheduleFreeAdamW.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("schedule-free-adamw");
        assertThat(rule.takesMomentum()).isFalse();
        assertThat(rule.passes())
                .containsExactly(
                        Pass.overAll("eval", 1).closedBy("train"), Pass.overAll("train", 1));
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("z"),
                        new Slot("exp_avg_sq"),
                        new Slot("k", Slot.Extent.RULE),
                        new Slot("weight_sum", Slot.Extent.RULE),
                        new Slot("lr_max", Slot.Extent.RULE).startingAt(-1),
                        new Slot("scheduled_lr", Slot.Extent.RULE),
                        new Slot("ckp1", Slot.Extent.RULE));
    }
}
