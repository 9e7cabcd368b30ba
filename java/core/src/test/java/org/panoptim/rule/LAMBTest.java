package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After NVIDIA Apex's kernels, csrc/multi_tensor_lamb.cu. */
class LAMBTest {

    private static final class Loop extends SourceLoop {

        private final LAMB rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();

        Loop(LAMB rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double norm = 0;
            for (double[] gradient : g) {
                norm += squares(gradient);
            }
            norm = Math.sqrt(norm);
            double shrink = norm > rule.maxGradNorm() ? norm / rule.maxGradNorm() : 1;
            for (int i = 0; i < p.length; i++) {
                var update = new double[p[i].length];
                for (int j = 0; j < update.length; j++) {
                    double gradient = g[i][j] / shrink;
                    m[i][j] = rule.beta1() * m[i][j] + (1 - rule.beta1()) * gradient;
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * gradient * gradient;
                    double mean = m[i][j] / (1 - Math.pow(rule.beta1(), t));
                    double square = v[i][j] / (1 - Math.pow(rule.beta2(), t));
                    update[j] =
                            mean / (Math.sqrt(square) + rule.epsilon())
                                    + rule.weightDecay() * p[i][j];
                }
                double value = Math.sqrt(squares(p[i]));
                double length = Math.sqrt(squares(update));
                boolean scaled = rule.weightDecay() != 0 && value != 0 && length != 0;
                double rate = rule.learningRate() * FACTOR * (scaled ? value / length : 1);
                for (int j = 0; j < update.length; j++) {
                    p[i][j] -= rate * update[j];
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0.07, 0.5", "0.07, 100", "0, 0.5"})
    void itFollowsApexsLoop(double weightDecay, double maxGradNorm) {
        var rule = new LAMB(0.3, 0.8, 0.95, 0.05, weightDecay, maxGradNorm);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void aParameterOfZerosIsNotScaled() {
        // m̂ = g, v̂ = g²: the direction is 2/(2 + 0), decay adds nothing to 0.
        var rule = new LAMB(0.5, 0.5, 0.75, 0, 0.25, 8);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(2, -2);
            assertThat(trial.value()).containsExactly(-0.5f, 0.5f);
        }
    }

    @Test
    void aDirectionOfZerosIsNotScaled() {
        var rule = new LAMB(0.5, 0.5, 0.5, 1, 0.25, 8);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(0, 0);
            assertThat(trial.value()).containsExactly(0, 0);
        }
    }

    @Test
    void theDefaultsAreApexs() {
        var rule = LAMB.defaults();
        assertThat(rule).isEqualTo(new LAMB(1e-3, 0.9, 0.999, 1e-6, 0.01, 1));
        assertThat(LAMB.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("lamb");
        assertThat(rule.slots())
                .filteredOn(Slot::isKept)
                .containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
