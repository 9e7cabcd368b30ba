package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Values worked out by hand after PyTorch's Adam; exact in float unless a tolerance is given. */
class AdamTest {

    private static final Adam RULE = Adam.withLearningRate(0.5).withBetas(0.5, 0.75).withEpsilon(2);

    @Test
    void theDefaultsArePyTorchs() {
        assertThat(Adam.defaults()).isEqualTo(new Adam(1e-3, 0.9, 0.999, 1e-8, 0, false, false));
        assertThat(Adam.defaults().slots())
                .containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Test
    void theFirstStepCorrectsTheBiasOfBothAverages() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(2);
            assertThat(trial.state("exp_avg")).containsExactly(1); // 0 + 0.5·(2 − 0)
            assertThat(trial.state("exp_avg_sq")).containsExactly(1); // 0.75·0 + 0.25·2²
            // η/(1 − 0.5) = 1; √1/√(1 − 0.75) + 2 = 4; 1 − 1·(1/4)
            assertThat(trial.value()).containsExactly(0.75f);
        }
    }

    @Test
    void theSecondStepCorrectsByTheSquaresOfTheBetas() {
        // With beta2 = 0 the second correction is 1, which keeps every number exact.
        var rule = Adam.withLearningRate(0.75).withBetas(0.5, 0).withEpsilon(2);
        try (var trial = new Trial(rule, 1)) {
            trial.step(2); // m = 1, v = 4; 0.75/0.5 = 1.5; d = 2 + 2; p = 1 − 1.5·(1/4) = 0.625
            assertThat(trial.value()).containsExactly(0.625f);
            trial.step(2); // m = 1.5, v = 4; 0.75/(1 − 0.25) = 1; d = 4; p = 0.625 − 1.5/4
            assertThat(trial.value()).containsExactly(0.25f);
        }
        // With beta1 = 0 the first correction is 1, and the second is 1 − 0.75² = 0.4375.
        try (var trial = new Trial(RULE.withBetas(0, 0.75).withEpsilon(0), 1)) {
            trial.step(2); // v = 1, √1/√0.25 = 2; p = 1 − 0.5·(2/2) = 0.5
            trial.step(1); // v = 0.75·1 + 0.25·1 = 1; p = 0.5 − 0.5·1/(√1/√0.4375)
            assertThat(trial.value()[0])
                    .isCloseTo((float) (0.5 - 0.5 * Math.sqrt(0.4375)), within(1e-7f));
        }
    }

    @Test
    void epsilonIsAddedOutsideTheRootAfterTheCorrection() {
        // PyTorch's formula gives 1 − 0.01·1e-8/(1e-8 + 1e-8) = 0.995; an epsilon that is divided
        // by
        // the correction with the rest gives 0.99969, one inside the root 0.999999.
        try (var trial = new Trial(Adam.withLearningRate(1e-2), 1)) {
            trial.step(1e-8f);
            assertThat(trial.value()[0]).isCloseTo(0.995f, within(1e-6f));
        }
    }

    @Test
    void biasCorrectionsAreComputedInDouble() {
        // The first step from 0 is η·g/|g|. With 0.9999f the correction would be 1.7e-4 off.
        var rule = Adam.withLearningRate(1e-3).withBetas(0.9, 0.9999).withEpsilon(0);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(3, -1e-3f);
            assertThat(trial.value()[0]).isCloseTo(-1e-3f, within(3e-10f));
            assertThat(trial.value()[1]).isCloseTo(1e-3f, within(3e-10f));
        }
    }

    @Test
    void weightDecayIsAddedToTheGradientAndEntersTheAverages() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5), 2)) {
            trial.step(1); // g = 1 + 0.5·2 = 2, and on as in the first step
            assertThat(trial.state("exp_avg")).containsExactly(1);
            assertThat(trial.state("exp_avg_sq")).containsExactly(1);
            assertThat(trial.value()).containsExactly(1.75f);
        }
    }

    @Test
    void maximizeTurnsTheGradientBeforeTheDecayIsAdded() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5).withMaximize(true), 2)) {
            trial.step(-1); // g = 1 + 0.5·2 = 2
            assertThat(trial.state("exp_avg")).containsExactly(1);
            assertThat(trial.value()).containsExactly(1.75f);
        }
    }

    @Test
    void amsgradDividesByTheLargestSecondMomentSoFar() {
        var rule = Adam.withLearningRate(1).withBetas(0, 0).withEpsilon(0).withAmsgrad(true);
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"), new Slot("exp_avg_sq"), new Slot("max_exp_avg_sq"));
        assertThat(rule.kernelName()).isEqualTo("adam_amsgrad");
        try (var trial = new Trial(rule, 8)) {
            trial.step(4); // v = 16; p = 8 − 4/4
            assertThat(trial.value()).containsExactly(7);
            trial.step(2); // v = 4, but the largest is 16; p = 7 − 2/4
            assertThat(trial.value()).containsExactly(6.5f);
            assertThat(trial.state("exp_avg_sq")).containsExactly(4);
            assertThat(trial.state("max_exp_avg_sq")).containsExactly(16);
        }
    }

    @Test
    void amsgradKeepsTheRawSecondMomentNotTheCorrectedOne() {
        // From PyTorch: the maximum is of v, and the correction divides it each step anew.
        var rule = RULE.withBetas(0, 0.75).withEpsilon(0).withAmsgrad(true);
        try (var trial = new Trial(rule, 1)) {
            trial.step(2); // v = V = 1, corrected 4
            trial.step(0); // v = 0.75, V = 1
            assertThat(trial.state("exp_avg_sq")).containsExactly(0.75f);
            assertThat(trial.state("max_exp_avg_sq")).containsExactly(1);
        }
    }

    @Test
    void amsgradLetsNaNThrough() {
        var rule = Adam.withLearningRate(1).withBetas(0.5, 0.5).withAmsgrad(true);
        try (var trial = new Trial(rule, 1, 1)) {
            trial.step(1, Float.NaN);
            trial.step(1, 1);
            assertThat(trial.state("max_exp_avg_sq")[1]).isNaN();
            assertThat(trial.value()[1]).isNaN();
            assertThat(trial.value()[0]).isFinite();
        }
    }

    @Test
    void amsgradKeepsANaNThatIsOnlyInTheMaximum() {
        var rule = Adam.withLearningRate(1).withBetas(0.5, 0.5).withAmsgrad(true);
        try (var trial = new Trial(rule, 1, 1)) {
            trial.set("max_exp_avg_sq", Float.NaN, 0);
            trial.step(1, 1);
            assertThat(trial.state("max_exp_avg_sq")).containsExactly(Float.NaN, 0.5f);
            assertThat(trial.value()[0]).isNaN();
        }
    }
}
