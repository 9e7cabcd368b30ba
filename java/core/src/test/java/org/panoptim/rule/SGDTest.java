package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.schedule.MomentumSchedule;

/** Values worked out by hand after PyTorch's SGD; all numbers are exact in float. */
class SGDTest {

    private static final SGD HALF = SGD.withLearningRate(0.5);

    @Test
    void theDefaultsArePyTorchs() {
        assertThat(SGD.defaults()).isEqualTo(new SGD(1e-3, 0, 0, 0, false, false));
    }

    @Test
    void withoutMomentumItFollowsTheGradientAndKeepsNoState() {
        try (var trial = new Trial(HALF, 1)) {
            trial.step(0.25f);
            assertThat(trial.value()).containsExactly(1 - 0.5f * 0.25f);
        }
        assertThat(HALF.slots()).isEmpty();
        assertThat(HALF.kernelName()).isEqualTo("sgd");
    }

    @Test
    void withMomentumItKeepsPyTorchsMomentumBuffer() {
        assertThat(HALF.withMomentum(0.5).slots()).containsExactly(new Slot("momentum_buffer"));
        assertThat(HALF.withMomentum(0.5).kernelName()).isEqualTo("sgd_momentum");
    }

    @Test
    void theFirstStepWithMomentumTakesTheGradientAsTheBuffer() {
        try (var trial = new Trial(HALF.withMomentum(0.5), 2)) {
            trial.step(1);
            assertThat(trial.state("momentum_buffer")).containsExactly(1); // b = g
            assertThat(trial.value()).containsExactly(1.5f); // 2 − 0.5·1
        }
    }

    @Test
    void theSecondStepWithMomentumAddsUp() {
        try (var trial = new Trial(HALF.withMomentum(0.5), 2)) {
            trial.step(1); // b = 1, p = 1.5
            trial.step(0.75f);
            assertThat(trial.state("momentum_buffer")).containsExactly(1.25f); // 0.5·1 + 0.75
            assertThat(trial.value()).containsExactly(0.875f); // 1.5 − 0.5·1.25
        }
    }

    @Test
    void dampeningSparesTheFirstStep() {
        try (var trial = new Trial(HALF.withMomentum(0.5).withDampening(0.25), 2)) {
            trial.step(1);
            assertThat(trial.state("momentum_buffer")).containsExactly(1); // not 0.75
            assertThat(trial.value()).containsExactly(1.5f); // 2 − 0.5·1
            trial.step(1);
            assertThat(trial.state("momentum_buffer")).containsExactly(1.25f); // 0.5·1 + 0.75·1
            assertThat(trial.value()).containsExactly(0.875f); // 1.5 − 0.5·1.25
        }
    }

    @Test
    void nesterovLooksAheadFromTheNewBuffer() {
        try (var trial = new Trial(HALF.withMomentum(0.5).withNesterov(true), 2)) {
            trial.step(1);
            assertThat(trial.value()).containsExactly(1.25f); // b = 1, u = 1 + 0.5·1, 2 − 0.5·1.5
            trial.step(2);
            assertThat(trial.state("momentum_buffer")).containsExactly(2.5f); // 0.5·1 + 2
            assertThat(trial.value()).containsExactly(-0.375f); // u = 2 + 0.5·2.5, 1.25 − 0.5·3.25
        }
    }

    @Test
    void weightDecayIsAddedToTheGradientAndEntersTheBuffer() {
        try (var trial = new Trial(HALF.withMomentum(0.5).withWeightDecay(0.25), 2)) {
            trial.step(0.5f);
            assertThat(trial.state("momentum_buffer")).containsExactly(1); // 0.5 + 0.25·2
            assertThat(trial.value()).containsExactly(1.5f); // 2 − 0.5·1
        }
    }

    @Test
    void maximizeTurnsTheGradientBeforeTheDecayIsAdded() {
        try (var trial = new Trial(HALF.withWeightDecay(0.25).withMaximize(true), 2)) {
            trial.step(1.5f);
            assertThat(trial.value()).containsExactly(2.5f); // g = −1.5 + 0.25·2 = −1, 2 − 0.5·(−1)
        }
    }

    @Test
    void theSchedulesMomentumReplacesTheRulesOwn() {
        var schedule = new MomentumSchedule(step -> step == 2 ? 0.25 : Double.NaN);
        try (var trial = new Trial(HALF.withMomentum(0.5), schedule, 0)) {
            trial.step(4); // b = 4
            trial.step(1);
            assertThat(trial.state("momentum_buffer")).containsExactly(2); // 0.25·4 + 1
            trial.step(1);
            assertThat(trial.state("momentum_buffer")).containsExactly(2); // 0.5·2 + 1
        }
    }

    @Test
    void everyElementGoesItsOwnWay() {
        try (var trial = new Trial(HALF.withMomentum(0.5), 1, 2, 3)) {
            trial.step(2, 0, -2);
            trial.step(0, 1, 0);
            assertThat(trial.state("momentum_buffer")).containsExactly(1, 1, -1);
            assertThat(trial.value()).containsExactly(-0.5f, 1.5f, 4.5f);
        }
    }

    @Test
    void anInfiniteGradientIsPropagated() {
        try (var trial = new Trial(HALF, 1, 1, 1)) {
            trial.step(Float.POSITIVE_INFINITY, Float.NaN, 1);
            assertThat(trial.value()).containsExactly(Float.NEGATIVE_INFINITY, Float.NaN, 0.5f);
        }
    }
}
