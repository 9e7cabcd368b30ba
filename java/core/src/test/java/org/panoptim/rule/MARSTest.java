package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.tensor.Shape;

import java.util.List;

/** After timm's loop, timm/optim/mars.py. */
class MARSTest {

    private static final class Loop extends SourceLoop {

        private final MARS rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private final double[][] last = zeros();

        Loop(MARS rule) {
            this.rule = rule;
        }

        private double[] corrected(double[] gradient, double[] before) {
            if (!rule.optimize1d() || t == 1) {
                return gradient;
            }
            var result = new double[gradient.length];
            for (int j = 0; j < result.length; j++) {
                double change = gradient[j] - before[j];
                result[j] =
                        change * (rule.gamma() * (rule.beta1() / (1 - rule.beta1()))) + gradient[j];
            }
            double norm = Math.sqrt(squares(result));
            for (int j = 0; j < result.length && norm > 1; j++) {
                result[j] /= norm;
            }
            return result;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double b1 = rule.beta1();
            double b2 = rule.beta2();
            for (int i = 0; i < p.length; i++) {
                double[] c = corrected(g[i], last[i]);
                for (int j = 0; j < p[i].length; j++) {
                    m[i][j] = b1 * m[i][j] + (1 - b1) * c[j];
                    v[i][j] = b2 * v[i][j] + (1 - b2) * c[j] * c[j];
                    double root =
                            Math.sqrt(v[i][j]) / Math.sqrt(1 - Math.pow(b2, t)) + rule.epsilon();
                    double mean = m[i][j] / (1 - Math.pow(b1, t));
                    p[i][j] -= rate * (rule.weightDecay() * p[i][j] + mean / root);
                }
                last[i] = g[i].clone();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0.3, true", "0.3, false", "0, true"})
    void itFollowsTimmsLoop(double gamma, boolean optimize1d) {
        var rule = new MARS(0.3, 0.8, 0.95, gamma, 0.05, 0.07, optimize1d);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theGradientIsCorrectedAndBroughtDownFromTheSecondStepOn() {
        // The change is weighted with 0.5 · 0.5/0.5.
        var rule = new MARS(0.5, 0.5, 0.5, 0.5, 1, 0, true);
        try (var trial = new Trial(rule, 0)) {
            trial.set("last_grad", 5);
            trial.step(8);
            assertThat(trial.state("exp_avg")).containsExactly(4);
            assertThat(trial.state("exp_avg_sq")).containsExactly(32);
            assertThat(trial.state("last_grad")).containsExactly(8);
            // 0.5 + 0.5 · (0.5 − 8) is −3.25, of norm 3.25.
            trial.step(0.5f);
            assertThat(trial.state("exp_avg")).containsExactly(1.5f);
            assertThat(trial.state("exp_avg_sq")).containsExactly(16.5f);
            // 0.25 + 0.5 · (0.25 − 0.5) is 0.125, of norm less than 1.
            trial.step(0.25f);
            assertThat(trial.state("exp_avg")).containsExactly(0.8125f);
            assertThat(trial.state("exp_avg_sq")).containsExactly(8.2578125f);
        }
    }

    private static float[] trained(MARS rule, long... shape) {
        var parameter = tensor("p", Shape.of(shape), 1, -2, 3, -4);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(rule)
                                .group("all", List.of(parameter))
                                .backend(backend)
                                .build()) {
            for (int step = 1; step <= 4; step++) {
                gradient(parameter, step, 1f / step, -step, 0.5f);
                optimizer.step();
            }
            return values(parameter);
        }
    }

    @Test
    void vectorsAreCorrectedOnlyIfAskedForAndAllElseIs() {
        var plain = new MARS(0.5, 0.5, 0.5, 0.5, 1, 0.25, false);
        var all = new MARS(0.5, 0.5, 0.5, 0.5, 1, 0.25, true);
        float[] corrected = trained(all, 4);
        assertThat(trained(plain, 4)).isNotEqualTo(corrected);
        assertThat(trained(plain, 2, 2)).containsExactly(corrected);
        assertThat(trained(plain, 1, 4)).containsExactly(corrected);
        assertThat(trained(plain, 2, 1, 2)).containsExactly(corrected);
        assertThat(trained(all, 2, 2)).containsExactly(corrected);
    }

    @Test
    void theKernelDependsOnTheShapeUnlessAllIsCorrected() {
        var plain = MARS.defaults();
        assertThat(plain.kernelName()).isEqualTo("mars_1d");
        assertThat(plain.kernelName(Shape.of())).isEqualTo("mars_1d");
        assertThat(plain.kernelName(Shape.of(4))).isEqualTo("mars_1d");
        assertThat(plain.kernelName(Shape.of(2, 2))).isEqualTo("mars");
        assertThat(plain.kernelName(Shape.of(2, 1, 2))).isEqualTo("mars");
        var all = new MARS(0.5, 0.5, 0.5, 0.5, 1, 0, true);
        assertThat(all.kernelName()).isEqualTo("mars");
        assertThat(all.kernelName(Shape.of(4))).isEqualTo("mars");
        assertThat(all.kernelName(Shape.of(2, 2))).isEqualTo("mars");
    }

    @Test
    void aWeightThatFloatDoesNotCarryIsRefused() {
        assertThatThrownBy(() -> new MARS(1e-3, 0.75, 0.99, 2e38, 1e-8, 0, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "MARS: gamma times beta1 / (1 - beta1) must be finite and at least 0 as"
                                + " float32, but is 6.0E38");
    }

    @Test
    void theDefaultsAreTimms() {
        var rule = MARS.defaults();
        assertThat(rule).isEqualTo(new MARS(3e-3, 0.9, 0.99, 0.025, 1e-8, 0, false));
        assertThat(MARS.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("mars");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"), new Slot("exp_avg_sq"), new Slot("last_grad"));
    }
}
