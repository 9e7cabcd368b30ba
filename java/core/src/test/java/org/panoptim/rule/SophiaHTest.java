package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Values worked out by hand after kozistr/pytorch_optimizer; all numbers are exact in float. */
class SophiaHTest {

    private static final SophiaH RULE =
            SophiaH.withLearningRate(0.5).withBetas(0.5, 0.75).withClip(0.25).withEpsilon(0.5);

    @Test
    void theDefaultsAreItsAuthors() {
        assertThat(SophiaH.defaults()).isEqualTo(new SophiaH(6e-2, 0.96, 0.99, 0.01, 1e-12, 0));
        assertThat(SophiaH.defaults().slots())
                .containsExactly(new Slot("exp_avg"), new Slot("hessian"));
        assertThat(SophiaH.defaults().takesCurvature()).isTrue();
    }

    @Test
    void curvatureIsFoldedInAsItIsBeforeTheUpdate() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {0.5f}, new float[] {8});
            assertThat(trial.state("hessian")).containsExactly(2); // 0.25·8
            assertThat(trial.state("exp_avg")).containsExactly(0.25f); // 0.5·0.5
            assertThat(trial.value()).containsExactly(0.9375f); // 1 − 0.5·(0.25/2)
        }
    }

    @Test
    void withoutCurvatureTheOldOneServes() {
        try (var trial = new Trial(RULE, 1)) {
            trial.step(new float[] {0.5f}, new float[] {8}); // h = 2, m = 0.25, p = 0.9375
            trial.step(0.25f); // m = 0.125 + 0.125; p = 0.9375 − 0.5·0.125
            assertThat(trial.state("hessian")).containsExactly(2);
            assertThat(trial.value()).containsExactly(0.875f);
        }
    }

    @Test
    void theUpdateIsClippedOnBothSides() {
        try (var trial = new Trial(RULE, 1, 1)) {
            trial.step(new float[] {4, -4}, new float[] {8, 8}); // ±2/2 is beyond ±0.25
            assertThat(trial.value()).containsExactly(0.875f, 1.125f);
        }
    }

    @Test
    void curvatureBelowEpsilonOrNegativeIsReplacedByEpsilon() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(new float[] {0.125f, 0.125f, 0.125f}, new float[] {1, -8, 0});
            assertThat(trial.state("hessian")).containsExactly(0.25f, -2, 0);
            // m = 0.0625; m/0.5 = 0.125; 1 − 0.5·0.125
            assertThat(trial.value()).containsExactly(0.9375f, 0.9375f, 0.9375f);
        }
    }

    @Test
    void theDecayIsDecoupled() {
        try (var trial = new Trial(RULE.withWeightDecay(0.5), 2)) {
            trial.step(new float[] {0.5f}, new float[] {8}); // 2 − (0.25·2 + 0.5·0.125)
            assertThat(trial.value()).containsExactly(1.4375f);
        }
    }

    @Test
    void nanPassesThrough() {
        try (var trial = new Trial(RULE, 1, 1, 1)) {
            trial.step(new float[] {Float.NaN, 1, 0.5f}, new float[] {1, Float.NaN, 8});
            assertThat(trial.value()).containsExactly(Float.NaN, Float.NaN, 0.9375f);
        }
    }
}
