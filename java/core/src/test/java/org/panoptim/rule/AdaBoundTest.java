package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' loop, Luolc/AdaBound, adabound/adabound.py. */
class AdaBoundTest {

    private static final class Loop extends SourceLoop {

        private final AdaBound rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private final double[][] top = zeros();

        Loop(AdaBound rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double stepSize =
                    rate
                            * Math.sqrt(1 - Math.pow(rule.beta2(), t))
                            / (1 - Math.pow(rule.beta1(), t));
            double last = rule.finalLr() * rate / rule.learningRate();
            double lower = last * (1 - 1 / (rule.gamma() * t + 1));
            double upper = last * (1 + 1 / (rule.gamma() * t));
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j] + rule.weightDecay() * p[i][j];
                    m[i][j] = rule.beta1() * m[i][j] + (1 - rule.beta1()) * gradient;
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * gradient * gradient;
                    top[i][j] = Math.max(top[i][j], v[i][j]);
                    double second = rule.amsbound() ? top[i][j] : v[i][j];
                    double own = stepSize / (Math.sqrt(second) + rule.epsilon());
                    p[i][j] -= Math.min(Math.max(own, lower), upper) * m[i][j];
                }
            }
        }
    }

    /** With a gamma of 0.5 rates are at either bound and between them, with 1e-6 at none. */
    @ParameterizedTest
    @CsvSource({"0.5, false", "0.5, true", "1e-6, false", "3, false"})
    void itFollowsItsAuthorsLoop(double gamma, boolean amsbound) {
        var rule = new AdaBound(0.3, 0.8, 0.6, 0.5, gamma, 0.05, 0.07, amsbound);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void aRateIsHeldBetweenTheBounds() {
        // m = g/2 and v = g²/4, so Adam's rate is (√¼/½)/(|g|/2) = 2/|g|; the bounds are 1 and 4.
        var rule = new AdaBound(1, 0.5, 0.75, 2, 1, 0, 0, false);
        try (var trial = new Trial(rule, 0, 0, 0)) {
            trial.step(1, 8, 0.25f);
            assertThat(trial.value()).containsExactly(-1, -4, -0.5f);
        }
    }

    @Test
    void atALearningRateOfZeroNothingMoves() {
        var rule = AdaBound.withLearningRate(0);
        try (var trial = new Trial(rule, 1, -2)) {
            trial.step(1, 8);
            trial.step(-3, 4);
            assertThat(trial.value()).containsExactly(1, -2);
            assertThat(trial.state("exp_avg")).doesNotContain(0);
        }
    }

    @Test
    void amsboundKeepsTheLargestSecondMoment() {
        var rule = new AdaBound(1e-3, 0.9, 0.5, 0.1, 1e-3, 1e-8, 0, true);
        try (var trial = new Trial(rule, 1)) {
            trial.step(4);
            trial.step(1);
            assertThat(trial.state("exp_avg_sq")).containsExactly(4.5f); // 8, then 4 + 0.5
            assertThat(trial.state("max_exp_avg_sq")).containsExactly(8);
        }
        assertThat(rule.kernelName()).isEqualTo("adabound_amsbound");
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"), new Slot("exp_avg_sq"), new Slot("max_exp_avg_sq"));
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = AdaBound.defaults();
        assertThat(rule).isEqualTo(new AdaBound(1e-3, 0.9, 0.999, 0.1, 1e-3, 1e-8, 0, false));
        assertThat(AdaBound.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adabound");
        assertThat(rule.kernelName()).isEqualTo("adabound");
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
