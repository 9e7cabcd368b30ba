package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After the algorithm of its paper, with timm's decay. */
class LaPropTest {

    private static final class Loop extends SourceLoop {

        private final LaProp rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();

        Loop(LaProp rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double b1 = rule.beta1();
            double b2 = rule.beta2();
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    v[i][j] = b2 * v[i][j] + (1 - b2) * g[i][j] * g[i][j];
                    double root = Math.sqrt(v[i][j] / (1 - Math.pow(b2, t))) + rule.epsilon();
                    m[i][j] = b1 * m[i][j] + (1 - b1) * g[i][j] / root;
                    p[i][j] -= rate * m[i][j] / (1 - Math.pow(b1, t));
                    p[i][j] -= rate * rule.weightDecay() * p[i][j];
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.7})
    void itFollowsItsPapersLoop(double weightDecay) {
        var rule = new LaProp(0.3, 0.8, 0.95, 0.05, weightDecay);
        new Loop(rule).isFollowedBy(rule);
    }

    /** As timm's program has it; with the rate in the average they differ under a schedule. */
    @Test
    void atOneLearningRateItIsTheProgramWithTheRateInItsAverage() {
        var rule = new LaProp(0.25, 0.5, 0.75, 0.5, 0);
        double m = 0;
        double v = 0;
        double rates = 0;
        double p = 1;
        try (var trial = new Trial(rule, 1)) {
            for (int t = 1; t <= 4; t++) {
                float g = t % 2 == 0 ? -t : t;
                trial.step(g);
                v = 0.75 * v + 0.25 * g * g;
                rates = 0.5 * rates + 0.5 * rule.learningRate();
                double root = Math.sqrt(v / (1 - Math.pow(0.75, t))) + 0.5;
                m = 0.5 * m + 0.5 * rule.learningRate() * g / root;
                p -= m / (rates / rule.learningRate());
                assertThat((double) trial.value()[0]).isCloseTo(p, within(1e-6));
            }
        }
    }

    @Test
    void theDecayIsOfWhatTheStepLeadsTo() {
        // v̂ = g² and m̂ = 1: from 2 to 1, and half of that.
        var rule = new LaProp(1, 0.5, 0.75, 0, 0.5);
        try (var trial = new Trial(rule, 2)) {
            trial.step(4);
            assertThat(trial.value()).containsExactly(0.5f);
        }
    }

    /** Of 1e-25 the square is zero in float, and epsilon alone divides. */
    @Test
    void gradientsWithoutASquareAndZerosAreDividedByEpsilon() {
        try (var trial = new Trial(LaProp.withLearningRate(1), 0, 1)) {
            trial.step(1e-25f, 0);
            assertThat((double) trial.value()[0]).isCloseTo(-1e-10, within(1e-16));
            assertThat(trial.value()[1]).isEqualTo(1);
        }
    }

    @Test
    void aStepWithoutEndLeadsToInfinity() {
        try (var trial = new Trial(new LaProp(1, 0.5, 0.5, 0, 0), 1)) {
            trial.step(1e-30f);
            assertThat(trial.value()).containsExactly(Float.NEGATIVE_INFINITY);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = LaProp.defaults();
        assertThat(rule).isEqualTo(new LaProp(4e-4, 0.9, 0.999, 1e-15, 0));
        assertThat(LaProp.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("laprop");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
