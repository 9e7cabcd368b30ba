package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After its authors' loop, sail-sg/Adan, adan.py. */
class AdanTest {

    private static final class Loop extends SourceLoop {

        private final Adan rule;
        private final double[][] m = zeros();
        private final double[][] n = zeros();
        private final double[][] d = zeros();
        private final double[][] before = zeros();

        Loop(Adan rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double b1 = rule.beta1();
            double b2 = rule.beta2();
            double b3 = rule.beta3();
            double shrink = rate * rule.weightDecay();
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j];
                    double change = t == 1 ? 0 : gradient - before[i][j];
                    before[i][j] = gradient;
                    m[i][j] = b1 * m[i][j] + (1 - b1) * gradient;
                    d[i][j] = b2 * d[i][j] + (1 - b2) * change;
                    double ahead = gradient + b2 * change;
                    n[i][j] = b3 * n[i][j] + (1 - b3) * ahead * ahead;
                    double root =
                            Math.sqrt(n[i][j]) / Math.sqrt(1 - Math.pow(b3, t)) + rule.epsilon();
                    if (rule.noProx()) {
                        p[i][j] *= 1 - shrink;
                    }
                    p[i][j] -= rate / (1 - Math.pow(b1, t)) * m[i][j] / root;
                    p[i][j] -= rate * b2 / (1 - Math.pow(b2, t)) * d[i][j] / root;
                    if (!rule.noProx()) {
                        p[i][j] /= 1 + shrink;
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsItsAuthorsLoop(boolean noProx) {
        var rule = new Adan(0.3, 0.8, 0.7, 0.95, 0.05, 0.4, noProx);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theFirstDifferenceIsZeroWhateverTheLastGradientIsSaidToBe() {
        // m̂ = g and n̂ = g²: the direction is 2/(2 + 0).
        var rule = new Adan(0.5, 0.5, 0.5, 0.75, 0, 0, false);
        try (var trial = new Trial(rule, 1)) {
            trial.set("neg_pre_grad", 8);
            trial.step(2);
            assertThat(trial.value()).containsExactly(0.5f);
            assertThat(trial.state("exp_avg_diff")).containsExactly(0);
            assertThat(trial.state("neg_pre_grad")).containsExactly(-2);
        }
    }

    @Test
    void gradientsOfZeroMoveNothing() {
        try (var trial = new Trial(Adan.withLearningRate(0.5), 1, -2)) {
            trial.step(0, 0);
            trial.step(0, 0);
            assertThat(trial.value()).containsExactly(1, -2);
        }
    }

    /** 1 + 4e-8 is 1 in float. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDecayIsNotLostThatIsSmallBesideOne(boolean noProx) {
        var rule = new Adan(4e-8, 0.5, 0.5, 0.5, 1, 1, noProx);
        try (var trial = new Trial(rule, 0x1p24f)) {
            trial.step(0);
            // 4e-8 of 2^24 is 0.67, and floats just below are 1 apart.
            assertThat(trial.value()).containsExactly(0x1p24f - 1);
        }
    }

    @Test
    void aStepWithoutEndLeadsToInfinity() {
        try (var trial = new Trial(new Adan(1e30, 0.5, 0.5, 0.5, 1e-37, 0, false), 1)) {
            trial.step(1e-24f);
            assertThat(trial.value()).containsExactly(Float.NEGATIVE_INFINITY);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = Adan.defaults();
        assertThat(rule).isEqualTo(new Adan(1e-3, 0.98, 0.92, 0.99, 1e-8, 0, false));
        assertThat(Adan.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adan");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"),
                        new Slot("exp_avg_sq"),
                        new Slot("exp_avg_diff"),
                        new Slot("neg_pre_grad"));
    }
}
