package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' loop, facebookresearch/dadaptation, dadaptation/dadapt_adam.py. */
class DAdaptAdamTest {

    private static final class Loop extends SourceLoop {

        private final DAdaptAdam rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private final double[][] s = zeros();
        private double d;
        private double numeratorWeighted;

        Loop(DAdaptAdam rule) {
            this.rule = rule;
            d = rule.d0();
        }

        @Override
        void step() {
            double rootBeta2 = Math.sqrt(rule.beta2());
            double correction =
                    rule.useBiasCorrection()
                            ? Math.sqrt(1 - Math.pow(rule.beta2(), t))
                                    / (1 - Math.pow(rule.beta1(), t))
                            : 1;
            double dlr = d * rule.learningRate() * FACTOR * correction;
            double numerator = 0;
            double magnitude = 0;
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j];
                    if (!rule.decouple()) {
                        gradient += rule.weightDecay() * p[i][j];
                    }
                    numerator += dlr * gradient * s[i][j] / (Math.sqrt(v[i][j]) + rule.epsilon());
                    m[i][j] = rule.beta1() * m[i][j] + dlr * (1 - rule.beta1()) * gradient;
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * gradient * gradient;
                    s[i][j] = rootBeta2 * s[i][j] + dlr * (1 - rootBeta2) * gradient;
                    magnitude += Math.abs(s[i][j]);
                }
            }
            numeratorWeighted = rootBeta2 * numeratorWeighted + (1 - rootBeta2) * numerator;
            double estimate = numeratorWeighted / ((1 - rootBeta2) * magnitude);
            d = Math.max(d, Math.min(estimate, d * rule.growthRate()));
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    if (rule.decouple()) {
                        p[i][j] -= rule.weightDecay() * dlr * p[i][j];
                    }
                    p[i][j] -= m[i][j] / (Math.sqrt(v[i][j]) + rule.epsilon());
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0.03, false, false, Infinity",
        "0.03, true, false, Infinity",
        "0.03, false, true, Infinity",
        "30, false, false, Infinity",
        "30, true, true, 1.5"
    })
    void itFollowsItsAuthorsLoop(
            double learningRate, boolean decouple, boolean useBiasCorrection, double growthRate) {
        var rule =
                new DAdaptAdam(
                        learningRate,
                        0.8,
                        0.95,
                        0.05,
                        0.07,
                        decouple,
                        useBiasCorrection,
                        0.01,
                        growthRate);
        new Loop(rule).isFollowedBy(rule);
    }

    @ParameterizedTest
    @CsvSource({"Infinity, 12.3168", "1.5, 0.375"})
    void dGrowsAlongEqualGradientsByWhatIsAllowed(double growthRate, double expected) {
        var rule = new DAdaptAdam(64, 0, 0.25, 1e-8, 0, false, false, 0.25, growthRate);
        try (var trial = new Trial(rule, 1)) {
            // q = 0.25 * 64 = 16, s = (1 - 0.5) * 16 = 8 and v = 0.75; what d is found from is 0.
            trial.step(1);
            assertThat(trial.ruleState("d")).isEqualTo(0.25);
            // 0.5 * 16 * 8 / sqrt(0.75) = 73.901, over 0.5 * (0.5 * 8 + 8) = 6
            trial.step(1);
            assertThat(trial.ruleState("d")).isCloseTo(expected, within(1e-4));
            assertThat(trial.ruleState("k")).isEqualTo(2);
        }
    }

    @Test
    void withoutGradientsItStandsStillAndSaysSo() {
        var rule = new DAdaptAdam(1, 0.9, 0.999, 1e-8, 0.1, true, false, 0.5, 2);
        try (var trial = new Trial(rule, 1, 2)) {
            trial.step(0, 0);
            assertThat(trial.value()).containsExactly(1, 2);
            assertThat(trial.ruleState("dlr")).isZero();
            assertThat(trial.ruleState("k")).isZero();
            trial.step(0, 1);
            assertThat(trial.ruleState("dlr")).isEqualTo(0.5);
            assertThat(trial.ruleState("k")).isEqualTo(1);
            // Decay has begun for both.
            assertThat(trial.value()[0]).isEqualTo(1 - 0.05f);
        }
    }

    @Test
    void aGradientThatIsNaNLeavesDAlone() {
        try (var trial = new Trial(DAdaptAdam.defaults(), 1, 2)) {
            trial.step(Float.NaN, 1);
            assertThat(trial.value()[0]).isNaN();
            assertThat(trial.value()[1]).isFinite();
            assertThat(trial.ruleState("d")).isEqualTo(1e-6);
        }
    }

    @Test
    void aLearningRateOfZeroStandsStill() {
        var rule = new DAdaptAdam(0, 0.9, 0.999, 1e-8, 0.1, true, true, 0.5, 2);
        try (var trial = new Trial(rule, 1, 2)) {
            trial.step(3, -4);
            assertThat(trial.value()).containsExactly(1, 2);
            assertThat(trial.state("exp_avg_sq")).containsExactly(0, 0);
            assertThat(trial.ruleState("d")).isEqualTo(0.5);
            assertThat(trial.ruleState("k")).isZero();
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = DAdaptAdam.defaults();
        assertThat(rule)
                .isEqualTo(
                        new DAdaptAdam(
                                1,
                                0.9,
                                0.999,
                                1e-8,
                                0,
                                false,
                                false,
                                1e-6,
                                Double.POSITIVE_INFINITY));
        assertThat(rule.name()).isEqualTo("dadapt-adam");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .extracting(Slot::name)
                .containsExactly(
                        "exp_avg", "exp_avg_sq", "s", "d", "numerator_weighted", "k", "dlr");
    }
}
