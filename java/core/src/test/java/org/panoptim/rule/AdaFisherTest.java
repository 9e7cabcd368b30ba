package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.schedule.Schedule;

/** Values worked out by hand from the equations of Gomes et al., 2025; all are exact in float. */
class AdaFisherTest {

    private static final AdaFisher RULE =
            AdaFisher.withLearningRate(0.5).withBeta(0.5).withDamping(0.25);

    @Test
    void itsKernelIsNamedAsCCan() {
        assertThat(AdaFisher.defaults().kernelName()).isEqualTo("ada_fisher");
    }

    @Test
    void theDefaultsAreThePapers() {
        assertThat(AdaFisher.defaults()).isEqualTo(new AdaFisher(1e-3, 0.9, 1e-3, 0, false));
        assertThat(AdaFisher.defaults().slots())
                .containsExactly(new Slot("exp_avg"), new Slot("fisher"));
        assertThat(AdaFisher.defaults().takesCurvature()).isTrue();
    }

    @Test
    void theCorrectedMomentumIsDividedByTheDampedDiagonalWithoutARoot() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f});
            assertThat(trial.state("fisher")).containsExactly(0.75f);
            assertThat(trial.state("exp_avg")).containsExactly(0.25f); // 0.5·0.5
            assertThat(trial.value()).containsExactly(0.75f); // 1 − (0.5/0.5)·0.25/(0.75 + 0.25)
        }
    }

    @Test
    void newCurvatureReplacesTheOldAndCountsInItsOwnStep() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f}); // m = 0.25, p = 0.75
            // m = 0.125 + 0.25; 0.75 − (0.5/0.75)·0.375/0.5 in exact arithmetic.
            trial.step(new float[] {0.5f}, new float[] {0.25f});
            assertThat(trial.state("fisher")).containsExactly(0.25f);
            assertThat(trial.state("exp_avg")).containsExactly(0.375f);
            assertThat(trial.value()).containsExactly(0.75f - (float) (0.5 / 0.75) * 0.75f);
        }
    }

    @Test
    void withoutCurvatureTheOldOneServes() {
        try (var trial = new Trial(RULE.withBeta(0), 1)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f}); // 1 − 0.5·0.5/1
            trial.step(-1); // 0.75 + 0.5·1/1
            assertThat(trial.state("fisher")).containsExactly(0.75f);
            assertThat(trial.value()).containsExactly(1.25f);
        }
    }

    @Test
    void withoutCurvatureSoFarTheDampingAloneDivides() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(0.5f); // 1 − 1·0.25/0.25
            assertThat(trial.state("fisher")).containsExactly(0);
            assertThat(trial.value()).containsExactly(0);
        }
    }

    @Test
    void theDecayIsDecoupled() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5), 2)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f}); // 2 − (0.25·2 + 1·0.25)
            assertThat(trial.value()).containsExactly(1.25f);
        }
    }

    @Test
    void maximizeClimbsAndKeepsTheCurvaturesSign() {
        try (var trial = new Trial(RULE.withMaximize(true).withWeightDecay(0.5), 2)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f}); // 2 − (0.25·2 − 1·0.25)
            assertThat(trial.state("exp_avg")).containsExactly(-0.25f);
            assertThat(trial.state("fisher")).containsExactly(0.75f);
            assertThat(trial.value()).containsExactly(1.75f);
        }
    }

    @Test
    void aSchedulesFactorMultipliesTheLearningRateAndTheDecay() {
        var schedule = Schedule.of(_ -> 0.5);
        try (var trial = new Trial(RULE.withWeightDecay(0.5), schedule, 2)) {
            trial.step(new float[] {0.5f}, new float[] {0.75f}); // 2 − (0.125·2 + 0.5·0.25)
            assertThat(trial.value()).containsExactly(1.625f);
        }
    }

    @Test
    void nanPassesThrough() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(new float[] {Float.NaN, 1, 0.5f}, new float[] {1, Float.NaN, 0.75f});
            assertThat(trial.value()).containsExactly(Float.NaN, Float.NaN, 0.75f);
        }
    }
}
