package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After PyTorch's loop, torch/optim/radam.py. */
class RAdamTest {

    private static final class Loop extends SourceLoop {

        private final RAdam rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();

        Loop(RAdam rule) {
            this.rule = rule;
        }

        /** What a step is multiplied by for its length; NaN where that is too short. */
        private double rectification() {
            double beta2 = rule.beta2();
            double most = 2 / (1 - beta2) - 1;
            double length = most - 2 * t * Math.pow(beta2, t) / (1 - Math.pow(beta2, t));
            return length > 5
                    ? Math.sqrt(
                            (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
                    : Double.NaN;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double rectification = rectification();
            double root2 = Math.sqrt(1 - Math.pow(rule.beta2(), t));
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
                    double mean = m[i][j] / (1 - Math.pow(rule.beta1(), t));
                    p[i][j] -=
                            Double.isNaN(rectification)
                                    ? rate * mean
                                    : rate
                                            * mean
                                            * (root2 / (Math.sqrt(v[i][j]) + rule.epsilon()))
                                            * rectification;
                }
            }
        }
    }

    /** With a beta2 of 0.95 the sixth step is the first to be rectified, with 0.5 none is. */
    @ParameterizedTest
    @CsvSource({
        "0.95, false, false",
        "0.95, true, false",
        "0.95, false, true",
        "0.95, true, true",
        "0.5, false, false"
    })
    void itFollowsPyTorchsLoop(double beta2, boolean decoupled, boolean maximize) {
        var rule = new RAdam(0.3, 0.8, beta2, 0.05, 0.07, decoupled, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void aLengthOfLessThanFiveLeavesTheSecondMomentOut() {
        // m̂ = g in the first step, and the step is η·g.
        var rule = new RAdam(0.5, 0.5, 0.999, 0, 0, false, false);
        try (var trial = new Trial(rule, 1, 1)) {
            trial.step(4, 0);
            assertThat(trial.value()).containsExactly(-1, 1);
        }
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = RAdam.defaults();
        assertThat(rule).isEqualTo(new RAdam(1e-3, 0.9, 0.999, 1e-8, 0, false, false));
        assertThat(RAdam.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("radam");
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
