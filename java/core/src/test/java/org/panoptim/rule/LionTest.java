package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Values worked out by hand after google/automl's Lion; all numbers are exact in float. */
class LionTest {

    private static final Lion RULE = Lion.withLearningRate(0.25).withBetas(0.5, 0.75);

    @Test
    void theDefaultsAreItsAuthors() {
        assertThat(Lion.defaults()).isEqualTo(new Lion(1e-4, 0.9, 0.99, 0));
        assertThat(Lion.defaults().slots()).containsExactly(new Slot("exp_avg"));
    }

    @Test
    void itMovesByTheSignAlone() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(2, -1e-30f, 1e30f);
            assertThat(trial.value()).containsExactly(0.75f, 1.25f, 0.75f);
        }
    }

    @Test
    void theDirectionBlendsWithBeta1AndTheMomentumWithBeta2() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(2); // u = 0.5·2 > 0; m = 0.25·2
            assertThat(trial.state("exp_avg")).containsExactly(0.5f);
            trial.step(-0.25f); // u = 0.5·0.5 − 0.5·0.25 > 0, by the old momentum
            assertThat(trial.value()).containsExactly(0.5f);
            assertThat(trial.state("exp_avg")).containsExactly(0.3125f); // 0.75·0.5 − 0.25·0.25
        }
    }

    @Test
    void theSignOfZeroIsZero() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(2, 0, -0f);
            trial.step(-0.5f, 0, -0f); // u = 0.5·0.5 − 0.5·0.5 = 0
            assertThat(trial.value()).containsExactly(0.75f, 1, 1);
        }
    }

    @Test
    void theSignOfNaNIsNaN() {
        try (var trial = new Trial(RULE, 1, 1)) {
            trial.step(Float.NaN, 1);
            assertThat(trial.value()).containsExactly(Float.NaN, 0.75f);
            assertThat(trial.state("exp_avg")).containsExactly(Float.NaN, 0.25f);
        }
    }

    @Test
    void theDecayIsDecoupledAndAddedToTheStep() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5), 2)) {
            trial.step(1); // 2 − (0.25·0.5·2 + 0.25)
            assertThat(trial.value()).containsExactly(1.5f);
            assertThat(trial.state("exp_avg")).containsExactly(0.25f);
        }
        // As with AdamW: 2⁻²⁶ + 2⁻²⁵ together move 1 down, one after the other they do not.
        try (var trial = new Trial(Lion.withLearningRate(0x1p-25).withWeightDecay(0.5), 1)) {
            trial.step(1);
            assertThat(trial.value()).containsExactly(1 - 0x1p-24f);
        }
    }
}
