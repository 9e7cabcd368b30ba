package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After kozistr/pytorch_optimizer's loop, optimizer/sgd.py, SignSGD. */
class SignumTest {

    private static final class Loop extends SourceLoop {

        private final Signum rule;
        private final double[][] m = zeros();

        Loop(Signum rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    m[i][j] += (1 - rule.momentum()) * (g[i][j] - m[i][j]);
                    p[i][j] *= 1 - rate * rule.weightDecay();
                    p[i][j] -= rate * Math.signum(m[i][j]);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.8})
    void itFollowsItsSourcesLoop(double momentum) {
        var rule = new Signum(0.3, momentum, 0.07);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theSignOfZeroIsZeroAndDecayGoesOn() {
        try (var trial = new Trial(new Signum(0.5, 0.5, 0.5), 2, 2, 2)) {
            trial.step(0, -0f, Float.NaN);
            // 2 - 0.5 * 0.5 * 2
            assertThat(trial.value()).containsExactly(1.5f, 1.5f, Float.NaN);
        }
    }

    @Test
    void withoutMomentumTheSmallestGradientDecides() {
        try (var trial = new Trial(new Signum(0.5, 0, 0), 0, 0)) {
            trial.step(1, -1);
            // The average by m + (g - m) would be 0 here.
            trial.step(-Float.MIN_VALUE, Float.MIN_VALUE);
            assertThat(trial.state("momentum_buffer"))
                    .containsExactly(-Float.MIN_VALUE, Float.MIN_VALUE);
            assertThat(trial.value()).containsExactly(0, 0);
        }
    }

    @Test
    void theDefaultsAreItsSources() {
        var rule = Signum.defaults();
        assertThat(rule).isEqualTo(new Signum(1e-3, 0.9, 0));
        assertThat(Signum.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("signum");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots()).containsExactly(new Slot("momentum_buffer"));
    }
}
