package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After PyTorch's loop, torch/optim/nadam.py. */
class NAdamTest {

    private static final class Loop extends SourceLoop {

        private final NAdam rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private double product = 1;

        Loop(NAdam rule) {
            this.rule = rule;
        }

        private double momentum(int step) {
            return rule.beta1() * (1 - 0.5 * Math.pow(0.96, step * rule.momentumDecay()));
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            product *= momentum(t);
            double next = product * momentum(t + 1);
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = rule.maximize() ? -g[i][j] : g[i][j];
                    if (rule.decoupledWeightDecay()) {
                        p[i][j] *= 1 - rate * rule.weightDecay();
                    } else {
                        gradient += rule.weightDecay() * p[i][j];
                    }
                    m[i][j] += (1 - rule.beta1()) * (gradient - m[i][j]);
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * gradient * gradient;
                    double d =
                            Math.sqrt(v[i][j] / (1 - Math.pow(rule.beta2(), t))) + rule.epsilon();
                    p[i][j] -= rate * (1 - momentum(t)) / (1 - product) * gradient / d;
                    p[i][j] -= rate * momentum(t + 1) / (1 - next) * m[i][j] / d;
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void itFollowsPyTorchsLoop(boolean decoupled, boolean maximize) {
        var rule = new NAdam(0.3, 0.8, 0.95, 0.05, 0.07, 0.5, decoupled, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = NAdam.defaults();
        assertThat(rule).isEqualTo(new NAdam(2e-3, 0.9, 0.999, 1e-8, 0, 4e-3, false, false));
        assertThat(NAdam.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("nadam");
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"),
                        new Slot("exp_avg_sq"),
                        new Slot("mu_product", Slot.Extent.TENSOR).startingAt(1));
    }
}
