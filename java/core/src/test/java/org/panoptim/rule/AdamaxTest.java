package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After PyTorch's loop, torch/optim/adamax.py. */
class AdamaxTest {

    private static final class Loop extends SourceLoop {

        private final Adamax rule;
        private final double[][] m = zeros();
        private final double[][] u = zeros();

        Loop(Adamax rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR / (1 - Math.pow(rule.beta1(), t));
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient =
                            (rule.maximize() ? -g[i][j] : g[i][j]) + rule.weightDecay() * p[i][j];
                    m[i][j] += (1 - rule.beta1()) * (gradient - m[i][j]);
                    u[i][j] = Math.max(rule.beta2() * u[i][j], Math.abs(gradient) + rule.epsilon());
                    p[i][j] -= rate * m[i][j] / u[i][j];
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsPyTorchsLoop(boolean maximize) {
        var rule = new Adamax(0.3, 0.8, 0.7, 0.05, 0.07, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theLargestGradientDecaysUntilOneIsLarger() {
        var rule = new Adamax(0, 0.5, 0.5, 0.25, 0, false);
        try (var trial = new Trial(rule, 1, 1)) {
            trial.step(4, -1);
            assertThat(trial.state("exp_inf")).containsExactly(4.25f, 1.25f);
            trial.step(0, -2);
            assertThat(trial.state("exp_inf")).containsExactly(2.125f, 2.25f);
        }
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = Adamax.defaults();
        assertThat(rule).isEqualTo(new Adamax(2e-3, 0.9, 0.999, 1e-8, 0, false));
        assertThat(Adamax.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adamax");
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_inf"));
    }
}
