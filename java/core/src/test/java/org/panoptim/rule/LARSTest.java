package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After timm's loop, timm/optim/lars.py. */
class LARSTest {

    private static final class Loop extends SourceLoop {

        private final LARS rule;
        private final double[][] buffer = zeros();

        Loop(LARS rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double rate = rule.learningRate() * FACTOR;
            for (int i = 0; i < p.length; i++) {
                double ratio = 1;
                if (rule.weightDecay() != 0 || rule.alwaysAdapt()) {
                    double value = Math.sqrt(squares(p[i]));
                    double gradient = Math.sqrt(squares(g[i]));
                    ratio = rule.trustCoeff() * value;
                    ratio /= gradient + value * rule.weightDecay() + rule.epsilon();
                    if (rule.trustClip()) {
                        ratio = Math.min(ratio / rate, 1);
                    }
                }
                for (int j = 0; j < p[i].length; j++) {
                    double gradient = ratio * (g[i][j] + rule.weightDecay() * p[i][j]);
                    double step = gradient;
                    if (rule.momentum() != 0) {
                        buffer[i][j] =
                                t == 1
                                        ? gradient
                                        : rule.momentum() * buffer[i][j]
                                                + (1 - rule.dampening()) * gradient;
                        step =
                                rule.nesterov()
                                        ? gradient + rule.momentum() * buffer[i][j]
                                        : buffer[i][j];
                    }
                    p[i][j] -= rate * step;
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0.2, 0, false, false, false",
        "0, 0, 0.2, 0, false, false, true",
        "0, 0, 0.2, 0.07, false, false, false",
        "0.8, 0.3, 0.2, 0.07, false, false, false",
        "0.8, 0, 0.2, 0.07, true, false, false",
        "0.8, 0, 0.2, 0.07, true, true, false",
        "0, 0, 4, 0.07, false, true, true"
    })
    void itFollowsTimmsLoop(
            double momentum,
            double dampening,
            double trustCoeff,
            double weightDecay,
            boolean nesterov,
            boolean trustClip,
            boolean alwaysAdapt) {
        var rule =
                new LARS(
                        0.3,
                        momentum,
                        dampening,
                        trustCoeff,
                        0.05,
                        weightDecay,
                        nesterov,
                        trustClip,
                        alwaysAdapt);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void zerosAreNotScaled() {
        var rule = new LARS(0.5, 0, 0, 0.25, 0, 0.5, false, false, false);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(2, -4);
            assertThat(trial.value()).containsExactly(-1, 2);
        }
        try (var trial = new Trial(rule, 2, -4)) {
            trial.step(0, 0); // the decay alone: 2 - 0.5 * 0.5 * 2
            assertThat(trial.value()).containsExactly(1.5f, -3);
        }
    }

    @Test
    void theBoundHoldsForZerosToo() {
        var rule = new LARS(4, 0, 0, 0.25, 0, 0, false, true, true);
        try (var trial = new Trial(rule, 0, 0)) {
            trial.step(2, -4); // 1 / 4 of it, 4 times
            assertThat(trial.value()).containsExactly(-2, 4);
        }
    }

    @Test
    void theScaleIsWorkedOutByHand() {
        // 0.25 * 5 / (10 + 0.5 * 5 + 0) = 0.1
        var rule = new LARS(1, 0, 0, 0.25, 0, 0.5, false, false, false);
        try (var trial = new Trial(rule, 3, 4)) {
            trial.step(6, 8);
            assertThat(trial.value()).containsExactly(3 - 7.5f * 0.1f, 4 - 10 * 0.1f);
        }
    }

    @Test
    void withMomentumItIsAnotherKernel() {
        assertThat(LARS.defaults().kernelName()).isEqualTo("lars");
        var ratio = new Slot("trust_ratio", Slot.Extent.TENSOR).forOneStep().asReported();
        assertThat(LARS.defaults().slots()).containsExactly(ratio);
        assertThat(LARS.defaults().takesMomentum()).isFalse();
        var rule = new LARS(1, 0.9, 0, 1e-3, 1e-8, 0, false, false, false);
        assertThat(rule.kernelName()).isEqualTo("lars_momentum");
        assertThat(rule.slots()).containsExactly(new Slot("momentum_buffer"), ratio);
        assertThat(rule.takesMomentum()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"0, 0, 0.0 and 0.0", "0.9, 0.5, 0.9 and 0.5", "0.9, -0.5, 0.9 and -0.5"})
    void nesterovNeedsMomentumAndNoDampening(double momentum, double dampening, String found) {
        assertThatThrownBy(
                        () -> new LARS(1, momentum, dampening, 1e-3, 1e-8, 0, true, false, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "LARS: nesterov needs momentum above 0 and dampening 0, but they are "
                                + found);
    }

    @Test
    void theDefaultsAreTimms() {
        assertThat(LARS.defaults())
                .isEqualTo(new LARS(1, 0, 0, 1e-3, 1e-8, 0, false, false, false));
        assertThat(LARS.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(LARS.defaults().name()).isEqualTo("lars");
    }
}
