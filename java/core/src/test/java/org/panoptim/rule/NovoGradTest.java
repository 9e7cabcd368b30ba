package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After timm's loop, timm/optim/nvnovograd.py. */
class NovoGradTest {

    private static final class Loop extends SourceLoop {

        private final NovoGrad rule;
        private final double[][] m = zeros();
        private final double[] v = new double[m.length];

        Loop(NovoGrad rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            for (int i = 0; i < p.length; i++) {
                double norm = squares(g[i]);
                v[i] = v[i] == 0 ? norm : rule.beta2() * v[i] + (1 - rule.beta2()) * norm;
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = g[i][j] / (Math.sqrt(v[i]) + rule.epsilon());
                    gradient += rule.weightDecay() * p[i][j];
                    if (rule.gradAveraging()) {
                        gradient *= 1 - rule.beta1();
                    }
                    m[i][j] = rule.beta1() * m[i][j] + gradient;
                    p[i][j] -= rule.learningRate() * FACTOR * m[i][j];
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsTimmsLoop(boolean gradAveraging) {
        var rule = new NovoGrad(0.3, 0.8, 0.9, 0.05, 0.07, gradAveraging);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theAverageBeginsWithTheFirstGradientThatIsNotZero() {
        try (var trial = new Trial(new NovoGrad(1, 0, 0.5, 1, 0, false), 1, 1)) {
            trial.step(0, -0f);
            assertThat(trial.value()).containsExactly(1, 1);
            assertThat(trial.number("exp_avg_sq")).isZero();
            // The norm is 5: (3, 4) / (5 + 1)
            trial.step(3, 4);
            assertThat(trial.number("exp_avg_sq")).isEqualTo(25);
            assertThat(trial.value()).containsExactly(1 - 0.5f, 1 - 4 / 6f);
            // 0.5 * 25 + 0.5 * 0
            trial.step(0, 0);
            assertThat(trial.number("exp_avg_sq")).isEqualTo(12.5);
        }
    }

    @Test
    void squaresMayBeOutOfFloatsRange() {
        try (var trial = new Trial(new NovoGrad(1, 0, 0.5, 0, 0, false), 0, 0)) {
            trial.step(0x1.8p100f, -0x1p101f);
            assertThat(trial.value()).containsExactly(-0.6f, 0.8f);
        }
        try (var trial = new Trial(new NovoGrad(1, 0, 0.5, 0, 0, false), 0, 0)) {
            trial.step(0x1.8p-140f, -0x1p-139f);
            assertThat(trial.value()).containsExactly(-0.6f, 0.8f);
        }
    }

    @Test
    void theDefaultsAreTimms() {
        var rule = NovoGrad.defaults();
        assertThat(rule).isEqualTo(new NovoGrad(1e-3, 0.95, 0.98, 1e-8, 0, false));
        assertThat(NovoGrad.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("novograd");
        assertThat(rule.slots())
                .containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq", Slot.Extent.TENSOR));
    }
}
