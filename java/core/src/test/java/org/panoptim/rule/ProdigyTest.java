package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' loop, konstmish/prodigy, prodigyopt/prodigy.py. */
class ProdigyTest {

    private static final class Loop extends SourceLoop {

        private final Prodigy rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private final double[][] s = zeros();
        private double[][] start = {};
        private double d;
        private double dMax;
        private double dNumerator;

        Loop(Prodigy rule) {
            this.rule = rule;
            d = rule.d0();
            dMax = rule.d0();
        }

        @Override
        void step() {
            if (t == 1) {
                start = new double[][] {p[0].clone(), p[1].clone()};
            }
            double lr = rule.learningRate() * FACTOR;
            double beta3 = rule.beta3() != 0 ? rule.beta3() : Math.sqrt(rule.beta2());
            double correction =
                    rule.useBiasCorrection()
                            ? Math.sqrt(1 - Math.pow(rule.beta2(), t))
                                    / (1 - Math.pow(rule.beta1(), t))
                            : 1;
            double dlr = d * lr * correction;
            dNumerator *= beta3;
            double denominator = 0;
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    if (!rule.decouple()) {
                        g[i][j] += rule.weightDecay() * p[i][j];
                    }
                    double gradient = g[i][j];
                    dNumerator += d / rule.d0() * dlr * gradient * (start[i][j] - p[i][j]);
                    m[i][j] = rule.beta1() * m[i][j] + d * (1 - rule.beta1()) * gradient;
                    v[i][j] =
                            rule.beta2() * v[i][j]
                                    + d * d * (1 - rule.beta2()) * gradient * gradient;
                    double weight = d / rule.d0() * (rule.safeguardWarmup() ? d : dlr);
                    s[i][j] = beta3 * s[i][j] + weight * gradient;
                    denominator += Math.abs(s[i][j]);
                }
            }
            double estimate = rule.dCoef() * dNumerator / denominator;
            if (d == rule.d0()) {
                d = Math.max(d, estimate);
            }
            dMax = Math.max(dMax, estimate);
            d = Math.min(dMax, d * rule.growthRate());
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    if (rule.decouple()) {
                        p[i][j] -= rule.weightDecay() * dlr * p[i][j];
                    }
                    p[i][j] -= dlr * m[i][j] / (Math.sqrt(v[i][j]) + d * rule.epsilon());
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, true, false, false, 1e3, Infinity",
        "0.5, true, false, false, 1e3, Infinity",
        "0, false, false, false, 1e3, Infinity",
        "0, true, true, false, 1e3, Infinity",
        "0, true, false, true, 1e3, Infinity",
        "0, true, false, false, 1e3, 1.5",
        "0, true, true, false, 1e-3, 1.5"
    })
    void itFollowsItsAuthorsLoop(
            double beta3,
            boolean decouple,
            boolean useBiasCorrection,
            boolean safeguardWarmup,
            double dCoef,
            double growthRate) {
        var rule =
                new Prodigy(
                        1.5,
                        0.8,
                        0.95,
                        beta3,
                        0.05,
                        0.07,
                        decouple,
                        useBiasCorrection,
                        safeguardWarmup,
                        0.03,
                        dCoef,
                        growthRate);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void withoutGradientsItStandsStillAndSaysSo() {
        var rule = Prodigy.defaults();
        try (var trial = new Trial(rule, 1, 2)) {
            trial.step(0, 0);
            assertThat(trial.value()).containsExactly(1, 2);
            assertThat(trial.ruleState("dlr")).isZero();
            assertThat(trial.ruleState("k")).isZero();
        }
    }

    @Test
    void whatItFindsIsKeptAndCanBeSet() {
        var rule = new Prodigy(1, 0.5, 0.75, 0, 0, 0, true, false, false, 0.25, 1, 2);
        try (var trial = new Trial(rule, 4)) {
            trial.step(2);
            assertThat(trial.ruleState("k")).isEqualTo(1);
            assertThat(trial.ruleState("dlr")).isEqualTo(0.25);
            assertThat(trial.ruleState("d")).isEqualTo(0.25);
            trial.setRuleState("d", 0.5);
            trial.step(2);
            assertThat(trial.ruleState("dlr")).isEqualTo(0.5);
            assertThatThrownBy(() -> trial.ruleState("exp_avg"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("exp_avg");
            assertThatThrownBy(() -> trial.state("d"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'d'");
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = Prodigy.defaults();
        assertThat(rule)
                .isEqualTo(
                        new Prodigy(
                                1,
                                0.9,
                                0.999,
                                0,
                                1e-8,
                                0,
                                true,
                                false,
                                false,
                                1e-6,
                                1,
                                Double.POSITIVE_INFINITY));
        assertThat(rule.name()).isEqualTo("prodigy");
        assertThat(rule.slots()).extracting(Slot::name).startsWith("exp_avg", "exp_avg_sq", "s");
    }
}
