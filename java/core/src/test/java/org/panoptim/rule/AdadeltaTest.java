package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After PyTorch's loop, torch/optim/adadelta.py. */
class AdadeltaTest {

    private static final class Loop extends SourceLoop {

        private final Adadelta rule;
        private final double[][] square = zeros();
        private final double[][] accumulated = zeros();

        Loop(Adadelta rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rho = rule.rho();
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient =
                            (rule.maximize() ? -g[i][j] : g[i][j]) + rule.weightDecay() * p[i][j];
                    square[i][j] = rho * square[i][j] + (1 - rho) * gradient * gradient;
                    double delta =
                            Math.sqrt(accumulated[i][j] + rule.epsilon())
                                    / Math.sqrt(square[i][j] + rule.epsilon())
                                    * gradient;
                    accumulated[i][j] = rho * accumulated[i][j] + (1 - rho) * delta * delta;
                    p[i][j] -= rule.learningRate() * FACTOR * delta;
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsPyTorchsLoop(boolean maximize) {
        var rule = new Adadelta(0.3, 0.8, 0.05, 0.07, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = Adadelta.defaults();
        assertThat(rule).isEqualTo(new Adadelta(1, 0.9, 1e-6, 0, false));
        assertThat(Adadelta.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adadelta");
        assertThat(rule.takesMomentum()).isFalse();
        assertThat(rule.slots()).containsExactly(new Slot("square_avg"), new Slot("acc_delta"));
    }
}
