package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After its authors' loop, juntang-zhuang/Adabelief-Optimizer, version 0.2.0. */
class AdaBeliefTest {

    private static final class Loop extends SourceLoop {

        private final AdaBelief rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();

        Loop(AdaBelief rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            double correction1 = 1 - Math.pow(rule.beta1(), t);
            double power = Math.pow(rule.beta2(), t);
            double most = 2 / (1 - rule.beta2()) - 1;
            double length = most - 2 * t * power / (1 - power);
            double rectification =
                    Math.sqrt(
                            (1 - power)
                                    * (length - 4)
                                    / (most - 4)
                                    * (length - 2)
                                    / length
                                    * most
                                    / (most - 2));
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    p[i][j] *= 1 - rate * rule.weightDecay();
                    m[i][j] = rule.beta1() * m[i][j] + (1 - rule.beta1()) * g[i][j];
                    double residual = g[i][j] - m[i][j];
                    v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * residual * residual;
                    v[i][j] += rule.epsilon();
                    double root = Math.sqrt(v[i][j]);
                    if (!rule.rectify()) {
                        double d = root / Math.sqrt(1 - power) + rule.epsilon();
                        p[i][j] -= rate / correction1 * m[i][j] / d;
                    } else if (length >= 5) {
                        double d = root + rule.epsilon();
                        p[i][j] -= rectification / correction1 * rate * m[i][j] / d;
                    } else {
                        p[i][j] -= rate / correction1 * m[i][j];
                    }
                }
            }
        }
    }

    /** With a beta2 of 0.95 the sixth step is the first to be rectified, with 0.5 none is. */
    @ParameterizedTest
    @CsvSource({"0.95, true", "0.95, false", "0.5, true", "0.5, false"})
    void itFollowsItsAuthorsLoop(double beta2, boolean rectify) {
        var rule = new AdaBelief(0.3, 0.8, beta2, 0.05, 0.07, rectify);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void epsilonStaysInTheState() {
        // A gradient of zero is where its average is.
        var rule = new AdaBelief(0, 0.5, 0.5, 0.25, 0, true);
        try (var trial = new Trial(rule, 1)) {
            trial.step(0);
            assertThat(trial.state("exp_avg_var")).containsExactly(0.25f);
            trial.step(0);
            assertThat(trial.state("exp_avg_var")).containsExactly(0.375f);
        }
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = AdaBelief.defaults();
        assertThat(rule).isEqualTo(new AdaBelief(1e-3, 0.9, 0.999, 1e-16, 0, true));
        assertThat(AdaBelief.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adabelief");
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_var"));
    }
}
