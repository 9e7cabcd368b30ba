package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Values worked out by hand after Liuhong99/Sophia; all numbers are exact in float. */
class SophiaGTest {

    /** rho·batchSize = 2. */
    private static final SophiaG RULE =
            SophiaG.withLearningRate(0.5)
                    .withBetas(0.5, 0.75)
                    .withRho(0.5)
                    .withBatchSize(4)
                    .withWeightDecay(0);

    @Test
    void theDefaultsAreItsAuthors() {
        assertThat(SophiaG.defaults())
                .isEqualTo(new SophiaG(1e-4, 0.965, 0.99, 0.04, 5120, 0.1, false));
        assertThat(SophiaG.defaults().slots())
                .containsExactly(new Slot("exp_avg"), new Slot("hessian"));
        assertThat(SophiaG.defaults().takesCurvature()).isTrue();
    }

    @Test
    void curvatureIsSquaredAndFoldedInBeforeTheUpdate() {
        try (var trial = new Trial(RULE, 1, 1)) {
            trial.step(new float[] {2, -2}, new float[] {2, -2});
            assertThat(trial.state("hessian")).containsExactly(1, 1); // 0.25·2²
            assertThat(trial.state("exp_avg")).containsExactly(1, -1); // 0.5·2
            // |m|/(2·1 + 1e-15) = 0.5; 1 ∓ 0.5·0.5
            assertThat(trial.value()).containsExactly(0.75f, 1.25f);
        }
    }

    @Test
    void withoutCurvatureTheOldOneServes() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {2}, new float[] {2}); // h = 1, m = 1, p = 0.75
            trial.step(1); // m = 0.5·1 + 0.5·1; 1/2; p = 0.75 − 0.5·0.5
            assertThat(trial.state("hessian")).containsExactly(1);
            assertThat(trial.value()).containsExactly(0.5f);
        }
    }

    @Test
    void curvatureDecaysOnlyWhereItIsHandedIn() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {0}, new float[] {4}); // 0.25·4²
            trial.step(0);
            assertThat(trial.state("hessian")).containsExactly(4);
            trial.step(new float[] {0}, new float[] {0});
            assertThat(trial.state("hessian")).containsExactly(3); // 0.75·4
        }
    }

    @Test
    void theUpdateIsBoundedByTheLearningRate() {
        try (var trial = new Trial(RULE, 1, 1)) {
            trial.step(new float[] {8, -8}, new float[] {2, 2}); // 4/2 is more than 1
            assertThat(trial.value()).containsExactly(0.5f, 1.5f);
        }
    }

    @Test
    void withoutAnyCurvatureItDescendsBySign() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(0x1p-20f, -0x1p-20f, 0);
            assertThat(trial.value()).containsExactly(0.5f, 1.5f, 1);
        }
    }

    @Test
    void theDecayIsDecoupled() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5), 2)) {
            trial.step(new float[] {2}, new float[] {2}); // 2 − (0.25·2 + 0.5·0.5)
            assertThat(trial.value()).containsExactly(1.25f);
        }
    }

    @Test
    void maximizeClimbsAndLeavesTheCurvaturesSquare() {
        try (var trial = new Trial(RULE.withMaximize(true), 1)) {
            trial.step(new float[] {2}, new float[] {2});
            assertThat(trial.state("exp_avg")).containsExactly(-1);
            assertThat(trial.state("hessian")).containsExactly(1);
            assertThat(trial.value()).containsExactly(1.25f);
        }
    }

    @Test
    void nanPassesThrough() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(new float[] {Float.NaN, 1, 2}, new float[] {1, Float.NaN, 2});
            assertThat(trial.value()).containsExactly(Float.NaN, Float.NaN, 0.75f);
        }
    }
}
