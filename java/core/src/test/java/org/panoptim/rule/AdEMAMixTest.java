package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' loop, apple/ml-ademamix, pytorch/ademamix.py. */
class AdEMAMixTest {

    private static final class Loop extends SourceLoop {

        private final AdEMAMix rule;
        private final double[][] fast = zeros();
        private final double[][] slow = zeros();
        private final double[][] v = zeros();

        Loop(AdEMAMix rule) {
            this.rule = rule;
        }

        private static double steps(double beta) {
            return Math.log(0.5) / Math.log(beta + 1e-8) - 1;
        }

        private double beta3() {
            double warmup = rule.beta3Warmup();
            if (t >= warmup) {
                return rule.beta3();
            }
            double way = t / warmup;
            double between = (1 - way) * steps(rule.beta1()) + way * steps(rule.beta3());
            return Math.pow(0.5, 1 / (between + 1));
        }

        private double alpha() {
            double warmup = rule.alphaWarmup();
            return t < warmup ? t / warmup * rule.alpha() : rule.alpha();
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double b1 = rule.beta1();
            double b2 = rule.beta2();
            double b3 = beta3();
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    fast[i][j] = b1 * fast[i][j] + (1 - b1) * g[i][j];
                    slow[i][j] = b3 * slow[i][j] + (1 - b3) * g[i][j];
                    v[i][j] = b2 * v[i][j] + (1 - b2) * g[i][j] * g[i][j];
                    double root =
                            Math.sqrt(v[i][j]) / Math.sqrt(1 - Math.pow(b2, t)) + rule.epsilon();
                    double mixed = fast[i][j] / (1 - Math.pow(b1, t)) + alpha() * slow[i][j];
                    p[i][j] -= rate * (mixed / root + rule.weightDecay() * p[i][j]);
                }
            }
        }
    }

    /** Warm-ups end among the steps, after them, or there are none. */
    @ParameterizedTest
    @CsvSource({"0, 0", "4, 0", "0, 4", "3, 5", "100, 10", "1, 1", "2, 6"})
    void itFollowsItsAuthorsLoop(long alphaWarmup, long beta3Warmup) {
        var rule = new AdEMAMix(0.3, 0.6, 0.95, 0.98, 3, 0.05, 0.07, alphaWarmup, beta3Warmup);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void aFastAverageOfNoDecayIsTheGradient() {
        var rule = new AdEMAMix(0.3, 0, 0.95, 0.98, 3, 0.05, 0.07, 2, 4);
        new Loop(rule).isFollowedBy(rule);
    }

    /** After the first of 4 steps the half-life is between those of 1/16 and 1/2: 1/4 and 1. */
    @Test
    void theHalfLifeRisesByAsMuchInEachStep() {
        var rule = new AdEMAMix(1, 0.0625, 0.5, 0.5, 1, 1, 0, 0, 4);
        try (var trial = new Trial(rule, 0)) {
            trial.step(1);
            double beta = Math.pow(0.5, 1 / (0.75 * 0.25 + 0.25 * 1));
            assertThat((double) trial.state("exp_avg_slow")[0]).isCloseTo(1 - beta, within(1e-7));
        }
    }

    @Test
    void warmUpsAsLongAsCountsGoAreTaken() {
        var rule = new AdEMAMix(1, 0.5, 0.5, 0.5, 1, 1, 0, Long.MAX_VALUE, Long.MAX_VALUE);
        try (var trial = new Trial(rule, 1)) {
            trial.step(2);
            // m̂ = 2, v̂ = 4, and alpha is next to nothing.
            assertThat((double) trial.value()[0]).isCloseTo(1 - 2 / 3.0, within(1e-6));
        }
    }

    @Test
    void aMixThatFloatDoesNotCarryIsRefused() {
        assertThatThrownBy(() -> new AdEMAMix(1e20, 0.9, 0.999, 0.9999, 1e20, 1e-8, 0, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "AdEMAMix: learningRate times alpha must be finite and at least 0 as"
                                + " float32, but is 1.0E40");
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = AdEMAMix.defaults();
        assertThat(rule).isEqualTo(new AdEMAMix(1e-3, 0.9, 0.999, 0.9999, 2, 1e-8, 0, 0, 0));
        assertThat(AdEMAMix.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("ademamix");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg_fast"), new Slot("exp_avg_slow"), new Slot("exp_avg_sq"));
    }
}
