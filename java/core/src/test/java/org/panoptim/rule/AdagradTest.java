package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After PyTorch's loop, torch/optim/adagrad.py. */
class AdagradTest {

    private static final class Loop extends SourceLoop {

        private final Adagrad rule;
        private final double[][] sum;

        Loop(Adagrad rule) {
            this.rule = rule;
            sum = filled(rule.initialAccumulatorValue());
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR / (1 + (t - 1) * rule.lrDecay());
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient =
                            (rule.maximize() ? -g[i][j] : g[i][j]) + rule.weightDecay() * p[i][j];
                    sum[i][j] += gradient * gradient;
                    p[i][j] -= rate * gradient / (Math.sqrt(sum[i][j]) + rule.epsilon());
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsPyTorchsLoop(boolean maximize) {
        var rule = new Adagrad(0.3, 0.2, 0.07, 0.4, 0.05, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = Adagrad.defaults();
        assertThat(rule).isEqualTo(new Adagrad(1e-2, 0, 0, 0, 1e-10, false));
        assertThat(Adagrad.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adagrad");
        assertThat(rule.takesMomentum()).isFalse();
        assertThat(rule.slots()).containsExactly(new Slot("sum"));
    }
}
