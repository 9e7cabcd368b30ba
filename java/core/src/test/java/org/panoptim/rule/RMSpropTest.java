package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** After PyTorch's loop, torch/optim/rmsprop.py. */
class RMSpropTest {

    private static final class Loop extends SourceLoop {

        private final RMSprop rule;
        private final double[][] square = zeros();
        private final double[][] mean = zeros();
        private final double[][] buffer = zeros();

        Loop(RMSprop rule) {
            this.rule = rule;
        }

        @Override
        void step() {
            double alpha = rule.alpha();
            double rate = rule.learningRate() * FACTOR;
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    double gradient =
                            (rule.maximize() ? -g[i][j] : g[i][j]) + rule.weightDecay() * p[i][j];
                    square[i][j] = alpha * square[i][j] + (1 - alpha) * gradient * gradient;
                    double average = square[i][j];
                    if (rule.centered()) {
                        mean[i][j] += (1 - alpha) * (gradient - mean[i][j]);
                        average -= mean[i][j] * mean[i][j];
                    }
                    double scaled = gradient / (Math.sqrt(average) + rule.epsilon());
                    if (rule.momentum() > 0) {
                        buffer[i][j] = rule.momentum() * buffer[i][j] + scaled;
                        p[i][j] -= rate * buffer[i][j];
                    } else {
                        p[i][j] -= rate * scaled;
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, false, false",
        "0.8, false, false",
        "0, true, false",
        "0.8, true, false",
        "0.8, true, true"
    })
    void itFollowsPyTorchsLoop(double momentum, boolean centered, boolean maximize) {
        var rule = new RMSprop(0.3, 0.9, 0.05, 0.07, momentum, centered, maximize);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void aVarianceBelowZeroCountsAsZero() {
        var rule = new RMSprop(0.5, 0.5, 0.25, 0, 0, true, false);
        try (var trial = new Trial(rule, 1, 1)) {
            trial.set("square_avg", 1, 1);
            trial.set("grad_avg", 2, 2);
            // The averages are 1 and 0.5, and 1.5 and 1: the variances −1.25 and −0.5.
            trial.step(1, 0);
            assertThat(trial.value()).containsExactly(-1, 1);
        }
    }

    @Test
    void eachVariantKeepsTheStatesThatItNeeds() {
        var square = new Slot("square_avg");
        var mean = new Slot("grad_avg");
        var buffer = new Slot("momentum_buffer");
        assertThat(variant(0, false).slots()).containsExactly(square);
        assertThat(variant(0.9, false).slots()).containsExactly(square, buffer);
        assertThat(variant(0, true).slots()).containsExactly(square, mean);
        assertThat(variant(0.9, true).slots()).containsExactly(square, mean, buffer);
        assertThat(variant(0, false).kernelName()).isEqualTo("rmsprop");
        assertThat(variant(0.9, false).kernelName()).isEqualTo("rmsprop_momentum");
        assertThat(variant(0, true).kernelName()).isEqualTo("rmsprop_centered");
        assertThat(variant(0.9, true).kernelName()).isEqualTo("rmsprop_centered_momentum");
    }

    private static RMSprop variant(double momentum, boolean centered) {
        return new RMSprop(0.1, 0.9, 1e-8, 0, momentum, centered, false);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = RMSprop.defaults();
        assertThat(rule).isEqualTo(new RMSprop(1e-2, 0.99, 1e-8, 0, 0, false, false));
        assertThat(RMSprop.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("rmsprop");
        assertThat(rule.takesMomentum()).isFalse();
        assertThat(variant(0.9, false).takesMomentum()).isTrue();
    }
}
