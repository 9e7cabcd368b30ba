package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.schedule.Schedule;

/** After the source's loop, jettify/pytorch-optimizer, torch_optimizer/swats.py. */
class SWATSTest {

    private static final Offset<Float> ROUNDING = offset(2e-6f);

    /** With a group for each tensor, and a momentum buffer of its own. */
    private static final class Loop extends SourceLoop {

        private final SWATS rule;
        private final double[][] m = zeros();
        private final double[][] v = zeros();
        private final double[][] buffer = zeros();
        private final double[] average;
        private final double[] found;

        Loop(SWATS rule) {
            this.rule = rule;
            average = new double[m.length];
            found = new double[m.length];
        }

        boolean changed() {
            return found[0] > 0 && found[1] > 0;
        }

        @Override
        void step() {
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p[i].length; j++) {
                    g[i][j] += rule.weightDecay() * p[i][j];
                }
                if (found[i] > 0) {
                    stepOfSGD(i);
                } else {
                    stepOfAdam(i);
                }
            }
        }

        private void stepOfSGD(int i) {
            double beta1 = rule.beta1();
            for (int j = 0; j < p[i].length; j++) {
                buffer[i][j] = beta1 * buffer[i][j] + g[i][j];
                double step = (1 - beta1) * buffer[i][j];
                if (rule.nesterov()) {
                    step += beta1 * buffer[i][j];
                }
                p[i][j] -= found[i] * step;
            }
        }

        private void stepOfAdam(int i) {
            double correction2 = 1 - Math.pow(rule.beta2(), t);
            double rate =
                    rule.learningRate()
                            * FACTOR
                            * Math.sqrt(correction2)
                            / (1 - Math.pow(rule.beta1(), t));
            double along = 0;
            double square = 0;
            for (int j = 0; j < p[i].length; j++) {
                m[i][j] = rule.beta1() * m[i][j] + (1 - rule.beta1()) * g[i][j];
                v[i][j] = rule.beta2() * v[i][j] + (1 - rule.beta2()) * g[i][j] * g[i][j];
                double step = -rate * m[i][j] / (Math.sqrt(v[i][j]) + rule.epsilon());
                p[i][j] += step;
                along += step * g[i][j];
                square += step * step;
            }
            if (along != 0) {
                double k = square / -along;
                average[i] = rule.beta2() * average[i] + (1 - rule.beta2()) * k;
                double corrected = average[i] / correction2;
                boolean close = Math.abs(corrected - k) <= 1e-8 + 1e-6 * Math.abs(k);
                if (t > 1 && close && corrected > 0) {
                    found[i] = corrected;
                }
            }
        }
    }

    @Test
    void itFollowsTheSourcesLoopAsAdam() {
        var rule = new SWATS(0.3, 0.8, 0.95, 0.05, 0.07, false);
        var loop = new Loop(rule);
        loop.isFollowedBy(rule);
        assertThat(loop.changed()).isFalse();
    }

    /** An average that forgets at once agrees in the second step. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsTheSourcesLoopFromAdamToSGD(boolean nesterov) {
        var rule = new SWATS(0.3, 0.5, 0, 0.05, 0.07, nesterov);
        var loop = new Loop(rule);
        loop.isFollowedBy(rule);
        assertThat(loop.changed()).isTrue();
    }

    /** In both steps of Adam D is −½ for either element, and k = ½ ÷ (½·2 + ½·2) = ¼. */
    @ParameterizedTest
    @CsvSource({"false, -0.5, -1.75, -0.75, -1.875", "true, -1, -1.5, -1.5, -1.75"})
    void sGDGoesOnWithTheRateThatAdamsStepsAgreeOn(
            boolean nesterov, float first, float second, float third, float fourth) {
        try (var trial = new Trial(new SWATS(0.5, 0.5, 0.75, 0, 0, nesterov), 1, -1)) {
            trial.step(2, 2);
            assertThat(trial.value()).containsExactly(new float[] {0.5f, -1.5f}, ROUNDING);
            assertThat(trial.number("sgd_lr")).isZero();
            assertThat(trial.number("exp_avg2")).isCloseTo(0.0625, offset(1e-7));
            trial.step(2, 2);
            assertThat(trial.value()).containsExactly(new float[] {0, -2}, ROUNDING);
            assertThat(trial.number("sgd_lr")).isCloseTo(0.25, offset(1e-6));
            float[] mean = trial.state("exp_avg");
            trial.step(4, -2); // the buffer
            assertThat(trial.value()).containsExactly(new float[] {first, second}, ROUNDING);
            trial.step(0, 2); // the buffer is 2 and 1
            assertThat(trial.value()).containsExactly(new float[] {third, fourth}, ROUNDING);
            assertThat(trial.state("momentum_buffer")).containsExactly(2, 1);
            assertThat(trial.state("exp_avg")).isEqualTo(mean);
        }
    }

    @Test
    void theScheduleGoesOnFromWhereItWas() {
        // As above, since ½ of 1 is ½; then a factor of ¼ halves the rate once more.
        var schedule = Schedule.of(step -> step <= 2 ? 0.5 : 0.25);
        try (var trial = new Trial(new SWATS(1, 0.5, 0.75, 0, 0, false), schedule, 1, -1)) {
            trial.step(2, 2);
            trial.step(2, 2);
            assertThat(trial.number("sgd_lr")).isCloseTo(0.5, offset(1e-6));
            trial.step(4, -2);
            assertThat(trial.value()).containsExactly(new float[] {-0.25f, -1.875f}, ROUNDING);
        }
    }

    @Test
    void aStepThatClimbsIsNoReasonToChange() {
        // The average of gradients is still positive when they turn round, so k is negative.
        try (var trial = new Trial(new SWATS(0.5, 0.5, 0, 0, 0, false), 1)) {
            trial.step(4);
            trial.step(-1);
            assertThat(trial.number("exp_avg2")).isNegative();
            assertThat(trial.number("sgd_lr")).isZero();
        }
    }

    @Test
    void fromGradientsOfZeroNothingIsLearnt() {
        try (var trial = new Trial(SWATS.defaults(), 1, -1)) {
            trial.step(0, 0);
            trial.step(0, 0);
            assertThat(trial.value()).containsExactly(1, -1);
            assertThat(trial.number("exp_avg2")).isZero();
            assertThat(trial.number("sgd_lr")).isZero();
            trial.step(2, 2);
            assertThat(trial.number("exp_avg2")).isPositive();
        }
    }

    @Test
    void theDefaultsAreTheSources() {
        var rule = SWATS.defaults();
        assertThat(rule).isEqualTo(new SWATS(1e-3, 0.9, 0.999, 1e-3, 0, false));
        assertThat(SWATS.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("swats");
        assertThat(rule.slots())
                .containsExactly(
                        new Slot("exp_avg"),
                        new Slot("exp_avg_sq"),
                        new Slot("momentum_buffer"),
                        new Slot("exp_avg2", Slot.Extent.TENSOR),
                        new Slot("sgd_lr", Slot.Extent.TENSOR).asReported());
    }
}
