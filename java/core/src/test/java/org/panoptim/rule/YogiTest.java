package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Map;

/** After optax's loop, scale_by_yogi. */
class YogiTest {

    private static final class Loop extends SourceLoop {

        private final Yogi rule;
        private final double[][] mu;
        private final double[][] nu;

        Loop(Yogi rule) {
            this.rule = rule;
            mu = filled(rule.initialAccumulatorValue());
            nu = filled(rule.initialAccumulatorValue());
        }

        @Override
        void step() {
            double b1 = rule.beta1();
            double b2 = rule.beta2();
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double square = g[i][j] * g[i][j];
                    mu[i][j] = (1 - b1) * g[i][j] + b1 * mu[i][j];
                    nu[i][j] -= (1 - b2) * Math.signum(nu[i][j] - square) * square;
                    double mean = mu[i][j] / (1 - Math.pow(b1, t));
                    double root = Math.sqrt(nu[i][j] / (1 - Math.pow(b2, t))) + rule.epsilon();
                    p[i][j] -= rule.learningRate() * FACTOR * mean / root;
                }
            }
        }
    }

    /** Below the squares, above them, and among them. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-6, 9, 0.7})
    void itFollowsOptaxsLoop(double initial) {
        var rule = new Yogi(0.3, 0.8, 0.95, 0.05, initial);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theSecondMomentMovesByAShareOfTheSquareEitherWay() {
        var rule = new Yogi(0.25, 0.5, 0.75, 1, 4);
        try (var trial = new Trial(rule, 0, 0, 0)) {
            trial.step(4, 1, 2);
            // 4 + 16/4, 4 - 1/4, and the square itself.
            assertThat(trial.state("nu")).containsExactly(8, 3.75f, 4);
            // From 4 on, half of it.
            assertThat(trial.state("mu")).containsExactly(4, 2.5f, 3);
        }
    }

    /** Both moments begin above zero, so that without a gradient a parameter moves at first. */
    @Test
    void theFirstMomentBeginsAboveZeroToo() {
        // Corrected, m is 0.5/0.5 and v 1/0.25.
        var rule = new Yogi(0.5, 0.5, 0.75, 0, 1);
        try (var trial = new Trial(rule, 1)) {
            trial.step(0);
            assertThat(trial.value()).containsExactly(0.75f);
        }
    }

    @Test
    void theMomentsBeginAboveZero() {
        assertThatThrownBy(
                        () -> Rules.with(Yogi.defaults(), Map.of("initial_accumulator_value", "0")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "yogi: initial_accumulator_value must be finite and above 0, but is 0.0");
    }

    @Test
    void theDefaultsAreOptaxs() {
        var rule = Yogi.defaults();
        assertThat(rule).isEqualTo(new Yogi(1e-2, 0.9, 0.999, 1e-3, 1e-6));
        assertThat(Yogi.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("yogi");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .containsExactly(new Slot("mu").startingAt(1e-6), new Slot("nu").startingAt(1e-6));
    }
}
