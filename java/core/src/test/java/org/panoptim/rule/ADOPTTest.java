package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After its authors' loop, iShohei220/adopt, adopt.py. */
class ADOPTTest {

    private static final class Loop extends SourceLoop {

        private final ADOPT rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();

        Loop(ADOPT rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double clip = Math.pow(t - 1, 0.25);
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j];
                    if (!rule.decouple()) {
                        gradient += rule.weightDecay() * p[i][j];
                    }
                    if (t == 1) {
                        v[i][j] = gradient * gradient;
                        continue;
                    }
                    if (rule.decouple()) {
                        p[i][j] -= rate * rule.weightDecay() * p[i][j];
                    }
                    double ratio = gradient / Math.max(Math.sqrt(v[i][j]), rule.epsilon());
                    double clipped = Math.max(-clip, Math.min(clip, ratio));
                    m[i][j] += (1 - rule.beta1()) * (clipped - m[i][j]);
                    p[i][j] -= rate * m[i][j];
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * gradient * gradient;
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsItsAuthorsLoop(boolean decouple) {
        var rule = new ADOPT(0.3, 0.8, 0.95, 0.05, 0.07, decouple);
        new Loop(rule).isFollowedBy(rule);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theFirstStepMovesNothingAndDoesNotDecay(boolean decouple) {
        var rule = new ADOPT(1, 0.5, 0.5, 0.25, 0.5, decouple);
        try (var trial = new Trial(rule, 2, -2)) {
            trial.set("exp_avg_sq", 9, Float.NaN);
            trial.step(3, 0);
            assertThat(trial.value()).containsExactly(2, -2);
            assertThat(trial.state("exp_avg")).containsExactly(0, 0);
            // With a coupled decay of 1 either way.
            assertThat(trial.state("exp_avg_sq"))
                    .containsExactly(decouple ? new float[] {9, 0} : new float[] {16, 1});
        }
    }

    @Test
    void theSecondMomentThatDividesIsOfTheStepsBeforeAndTheClipRises() {
        var rule = new ADOPT(1, 0.5, 0.5, 0.25, 0, false);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(4, 1);
            // 2/4, and 8/1 clipped to 1: each goes half way into the average.
            trial.step(2, 8);
            assertThat(trial.value()).containsExactly(-0.25f, -0.5f);
            assertThat(trial.state("exp_avg_sq")).containsExactly(10, 32.5f);
            // In the third step the clip is the fourth root of 2.
            trial.step(0, -64);
            float clip = (float) Math.sqrt(Math.sqrt(2));
            float m = 0.5f + 0.5f * (-clip - 0.5f);
            assertThat(trial.value()).containsExactly(-0.375f, -0.5f - m);
        }
    }

    @Test
    void zerosAtFirstAreDividedByEpsilon() {
        var rule = new ADOPT(1, 0.5, 0.5, 0.25, 0, false);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(0, 0);
            trial.step(0.125f, 0);
            assertThat(trial.value()).containsExactly(-0.25f, 0);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = ADOPT.defaults();
        assertThat(rule).isEqualTo(new ADOPT(1e-3, 0.9, 0.9999, 1e-6, 0, false));
        assertThat(ADOPT.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adopt");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
