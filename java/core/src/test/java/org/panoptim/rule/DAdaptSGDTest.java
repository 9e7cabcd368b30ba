package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** After its authors' loop, facebookresearch/dadaptation, dadaptation/dadapt_sgd.py. */
class DAdaptSGDTest {

    private static final class Loop extends SourceLoop {

        private final DAdaptSGD rule;
        private final double[][] s = zeros();
        private double[][] start = {};
        private double d;
        private double numerator;
        private double norm;

        Loop(DAdaptSGD rule) {
            this.rule = rule;
            d = rule.d0();
        }

        @Override
        void step() {
            if (t == 1) {
                start = new double[][] {p[0].clone(), p[1].clone()};
                norm = Math.sqrt(squares(g[0]) + squares(g[1]));
            }
            double dlr = d * rule.learningRate() * FACTOR / norm;
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j] + rule.weightDecay() * p[i][j];
                    numerator += dlr * gradient * s[i][j];
                    s[i][j] += dlr * gradient;
                }
            }
            double length = Math.sqrt(squares(s[0]) + squares(s[1]));
            d = Math.max(d, Math.min(2 * numerator / length, d * rule.growthRate()));
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double z = start[i][j] - s[i][j];
                    p[i][j] = rule.momentum() * p[i][j] + (1 - rule.momentum()) * z;
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 0, Infinity", "1, 0.8, Infinity", "30, 0.8, Infinity", "30, 0.8, 1.5"})
    void itFollowsItsAuthorsLoop(double learningRate, double momentum, double growthRate) {
        var rule = new DAdaptSGD(learningRate, momentum, 0.07, 0.01, growthRate);
        new Loop(rule).isFollowedBy(rule);
    }

    @ParameterizedTest
    @CsvSource({"Infinity, 10.666666666666666", "1.5, 0.375"})
    void dGrowsAlongEqualGradientsByWhatIsAllowed(double growthRate, double expected) {
        var rule = new DAdaptSGD(64, 0.5, 0, 0.25, growthRate);
        try (var trial = new Trial(rule, 1, 2)) {
            // The norm is 2, q = 0.25 * 64 / 2 = 8, and s = 16; what d is found from is 0.
            trial.step(2, 0);
            assertThat(trial.ruleState("g0_norm")).isEqualTo(2);
            assertThat(trial.ruleState("d")).isEqualTo(0.25);
            assertThat(trial.value()).containsExactly(0.5f * 1 + 0.5f * (1 - 16), 2);
            // 2 * (8 * 1 * 16) / (16 + 8)
            trial.step(1, 0);
            assertThat(trial.ruleState("numerator_weighted")).isEqualTo(128);
            assertThat(trial.state("s")).containsExactly(24, 0);
            assertThat(trial.ruleState("d")).isEqualTo(expected);
            assertThat(trial.ruleState("k")).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0, -0f, Float.NaN, Float.POSITIVE_INFINITY})
    void theNormIsThatOfTheFirstGradientsThatSayAnything(float nothing) {
        try (var trial = new Trial(new DAdaptSGD(1, 0, 0.5, 0.25, 2), 1, 2)) {
            trial.step(nothing, 0);
            assertThat(trial.value()).containsExactly(1, 2);
            assertThat(trial.ruleState("dlr")).isZero();
            assertThat(trial.ruleState("k")).isZero();
            trial.step(0, -4);
            assertThat(trial.ruleState("g0_norm")).isEqualTo(4);
            // q = 1/16; 1 - (0 + 0.5 * 1) / 16 and 2 - (-4 + 0.5 * 2) / 16
            assertThat(trial.value()).containsExactly(1 - 0.5f / 16, 2 + 3f / 16);
            assertThat(trial.ruleState("k")).isEqualTo(1);
        }
    }

    @Test
    void aLearningRateOfZeroStandsStill() {
        try (var trial = new Trial(new DAdaptSGD(0, 0.5, 0.5, 0.25, 2), 1, 2)) {
            trial.step(3, -4);
            assertThat(trial.value()).containsExactly(1, 2);
            assertThat(trial.ruleState("g0_norm")).isZero();
            assertThat(trial.ruleState("k")).isZero();
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = DAdaptSGD.defaults();
        assertThat(rule).isEqualTo(new DAdaptSGD(1, 0, 0, 1e-6, Double.POSITIVE_INFINITY));
        assertThat(rule.name()).isEqualTo("dadapt-sgd");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .extracting(Slot::name)
                .containsExactly("s", "x0", "d", "numerator_weighted", "g0_norm", "k", "dlr");
    }
}
