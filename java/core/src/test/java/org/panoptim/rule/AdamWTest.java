package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.panoptim.schedule.Schedule;

/** Values worked out by hand after PyTorch's AdamW; exact in float unless a tolerance is given. */
class AdamWTest {

    private static final AdamW RULE =
            AdamW.withLearningRate(0.5).withBetas(0.5, 0.75).withEpsilon(2).withWeightDecay(0.5);

    @Test
    void theDefaultsArePyTorchs() {
        assertThat(AdamW.defaults())
                .isEqualTo(new AdamW(1e-3, 0.9, 0.999, 1e-8, 1e-2, false, false));
        assertThat(AdamW.defaults().slots())
                .containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Test
    void theDecayIsDecoupledFromTheAverages() {
        try (var trial = new Trial(RULE, 2)) {
            trial.step(2);
            assertThat(trial.state("exp_avg")).containsExactly(1); // 0.5·2, without the decay
            assertThat(trial.state("exp_avg_sq")).containsExactly(1); // 0.25·2²
            // decay 0.5·0.5·2 = 0.5; step 1·(1/(2 + 2)) = 0.25; 2 − 0.75
            assertThat(trial.value()).containsExactly(1.25f);
        }
    }

    @Test
    void decayAndStepAreAddedBeforeTheyAreSubtracted() {
        // η = 2⁻²⁵, ηλ = 2⁻²⁶ and m/d = 1: p −= 1.5·2⁻²⁵ rounds to 1 − 2⁻²⁴. A decay taken first is
        // lost (half of half a unit), and the step alone, exactly half a unit, rounds back to 1.
        var rule =
                AdamW.withLearningRate(0x1p-25).withBetas(0, 0).withEpsilon(0).withWeightDecay(0.5);
        try (var trial = new Trial(rule, 1)) {
            trial.step(1);
            assertThat(trial.value()).containsExactly(1 - 0x1p-24f);
        }
    }

    @Test
    void theScheduleLowersTheDecayWithTheLearningRate() {
        try (var trial = new Trial(RULE, Schedule.of(_ -> 0.5), 2)) {
            trial.step(2); // half of everything: 2 − 0.375
            assertThat(trial.value()).containsExactly(1.625f);
        }
    }

    @Test
    void maximizeTurnsTheStepButNotTheDecay() {
        try (var trial = new Trial(RULE.withMaximize(true), 2)) {
            trial.step(2); // 2 − (0.5 − 0.25)
            assertThat(trial.state("exp_avg")).containsExactly(-1);
            assertThat(trial.value()).containsExactly(1.75f);
        }
    }

    @Test
    void amsgradDividesByTheLargestSecondMomentSoFar() {
        var rule =
                AdamW.withLearningRate(1)
                        .withBetas(0, 0)
                        .withEpsilon(0)
                        .withWeightDecay(0)
                        .withAmsgrad(true);
        assertThat(rule.kernelName()).isEqualTo("adamw_amsgrad");
        try (var trial = new Trial(rule, 8)) {
            trial.step(4); // 8 − 4/4
            trial.step(2); // 7 − 2/4, where 7 − 2/2 would be without
            assertThat(trial.value()).containsExactly(6.5f);
        }
    }

    @Test
    void epsilonIsAddedOutsideTheRootAfterTheCorrection() {
        try (var trial = new Trial(AdamW.withLearningRate(1e-2).withWeightDecay(0), 1)) {
            trial.step(1e-8f); // 1 − 0.01·1e-8/(1e-8 + 1e-8)
            assertThat(trial.value()[0]).isCloseTo(0.995f, within(1e-6f));
        }
    }

    @Test
    void theSecondStepWithDefaultsMatchesADoubleComputation() {
        double p = 1;
        double m = 0;
        double v = 0;
        try (var trial = new Trial(AdamW.defaults(), 1)) {
            for (int t = 1; t <= 3; t++) {
                double g = 0.5 / t;
                trial.step((float) g);
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                p *= 1 - 1e-3 * 1e-2;
                p -=
                        1e-3
                                * (m / (1 - Math.pow(0.9, t)))
                                / (Math.sqrt(v / (1 - Math.pow(0.999, t))) + 1e-8);
            }
            assertThat(trial.value()[0]).isCloseTo((float) p, within(2e-7f));
        }
    }
}
