package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** After optimi's loop, optimi/stableadamw.py. */
class StableAdamWTest {

    private static final class Loop extends SourceLoop {

        private final StableAdamW rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private boolean slowed;

        Loop(StableAdamW rule) {
            this.rule = rule;
        }

        private static double debiased(double beta, int t) {
            return (Math.pow(beta, t) - beta) / (Math.pow(beta, t) - 1);
        }

        @Override
        void step() {
            double b1 = debiased(rule.beta1(), t);
            double b2 = debiased(rule.beta2(), t);
            for (int i = 0; i < p.length; i++) {
                double sum = 0;
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = rule.maximize() ? -g[i][j] : g[i][j];
                    m[i][j] += (1 - b1) * (gradient - m[i][j]);
                    v[i][j] = b2 * v[i][j] + (1 - b2) * gradient * gradient;
                    double least = rule.epsilon() * rule.epsilon();
                    sum += gradient * gradient / Math.max(v[i][j], least);
                }
                double root = Math.sqrt(sum / p[i].length);
                slowed |= root > 1.1;
                double rate = rule.learningRate() * FACTOR / Math.max(1, root);
                for (int j = 0; j < p[i].length; j++) {
                    p[i][j] *= 1 - rate * rule.weightDecay();
                    p[i][j] -= rate * m[i][j] / (Math.sqrt(v[i][j]) + rule.epsilon());
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsOptimisLoop(boolean maximize) {
        var rule = new StableAdamW(0.3, 0.8, 0.95, 0.05, 0.07, maximize);
        var loop = new Loop(rule);
        loop.isFollowedBy(rule);
        assertThat(loop.slowed).isTrue();
    }

    /** Half of the gradients' roots lie below. */
    @Test
    void epsilonIsTheLeastDivisorOfTheMean() {
        var rule = new StableAdamW(0.3, 0.8, 0.95, 0.7, 0.07, false);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theStatesAreCorrectedForTheirBeginning() {
        var rule = new StableAdamW(0.5, 0.75, 0.875, 1, 0, false);
        try (var trial = new Trial(rule, 1)) {
            trial.step(3);
            assertThat(trial.state("exp_avg")).containsExactly(3);
            assertThat(trial.state("exp_avg_sq")).containsExactly(9);
            // 3/(√9 + 1) of the rate
            assertThat(trial.value()).containsExactly(1 - 0.5f * 0.75f);
        }
    }

    @Test
    void aLargeGradientSlowsItsOwnParameterAndItsDecay() {
        // m̂ = (1·1 + 2·g)/3 with β₁ = 1/2, v̂ = (1 + 2·g²)/3 with β₂ = 1/2.
        var rule = new StableAdamW(0.5, 0.5, 0.5, 0, 0.25, false);
        try (var trial = new Trial(rule, 1)) {
            trial.step(1);
            double p = 1 - 0.5 * (0.25 + 1);
            assertThat((double) trial.value()[0]).isCloseTo(p, within(1e-6));
            trial.step(8);
            double m = (1 + 2 * 8.0) / 3;
            double v = (1 + 2 * 64.0) / 3;
            double rate = 0.5 / Math.sqrt(64 / v);
            p -= rate * (0.25 * p + m / Math.sqrt(v));
            assertThat((double) trial.value()[0]).isCloseTo(p, within(1e-6));
        }
    }

    @Test
    void zerosAndSquaresThatOverflowLeaveTheRateAsItIs() {
        try (var trial = new Trial(StableAdamW.withLearningRate(0.5), 1, -1)) {
            trial.step(0, 1e30f);
            // 0.5 · 0.01 of decay alone: 0/ε is 0, and so is 1e30 over infinity.
            assertThat(trial.value()[0]).isEqualTo(1 - 0.005f);
            assertThat(trial.value()[1]).isEqualTo(-1 + 0.005f);
        }
    }

    @Test
    void aParameterOfNoElementsIsPassedBy() {
        try (var trial = new Trial(StableAdamW.defaults())) {
            trial.step();
            assertThat(trial.value()).isEmpty();
        }
    }

    @Test
    void theDefaultsAreOptimis() {
        var rule = StableAdamW.defaults();
        assertThat(rule).isEqualTo(new StableAdamW(1e-3, 0.9, 0.99, 1e-6, 0.01, false));
        assertThat(StableAdamW.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("stable-adamw");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.slots()).containsExactly(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }
}
