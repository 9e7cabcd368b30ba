package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;

import java.util.List;

/** After its authors' simplified loop, schedulefree/sgd_schedulefree_reference.py. */
class ScheduleFreeSGDTest {

    private static final class Loop extends ScheduleFreeLoop {

        Loop(ScheduleFreeSGD rule) {
            super(
                    rule.learningRate(),
                    rule.momentum(),
                    rule.weightDecay(),
                    rule.warmupSteps(),
                    rule.r(),
                    rule.weightLrPower());
        }

        @Override
        double direction(int i, int j) {
            return g[i][j];
        }
    }

    @ParameterizedTest
    @CsvSource({"0.8, 0, 0, 2", "0.8, 4, 0, 2", "0.5, 4, 1.5, 0.5", "0.8, 3, 2, 0"})
    void itFollowsItsAuthorsLoop(
            double momentum, long warmupSteps, double r, double weightLrPower) {
        var rule = new ScheduleFreeSGD(0.3, momentum, 0.07, warmupSteps, r, weightLrPower);
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theWayToTheAverageAndBackIsWorkedOutByHand() {
        try (var trial = new Trial(new ScheduleFreeSGD(1, 0.5, 0, 0, 0, 2), 8)) {
            trial.step(2); // z = x = y = 6
            trial.step(4); // z = 2, x = (6 + 2) / 2, y = (4 + 2) / 2
            assertThat(trial.value()).containsExactly(3);
            trial.run(ScheduleFreeSGD.EVAL);
            assertThat(trial.value()).containsExactly(4);
            assertThatThrownBy(() -> trial.step(1)).isInstanceOf(IllegalStateException.class);
            trial.run(ScheduleFreeSGD.TRAIN);
            assertThat(trial.value()).containsExactly(3);
            assertThat(trial.state("z")).containsExactly(2);
            trial.step(0); // x = 2/3 * 4 + 1/3 * 2, y = (x + 2) / 2
            assertThat(trial.value()[0]).isCloseTo(8 / 3f, within(1e-6f));
        }
    }

    @Test
    void warmupRaisesTheLearningRateAndTheWeights() {
        try (var trial = new Trial(new ScheduleFreeSGD(1, 0.5, 0, 2, 0, 2), 8)) {
            trial.step(4); // z = 8 - 0.5 * 4
            assertThat(trial.ruleState("scheduled_lr")).isEqualTo(0.5);
            assertThat(trial.ruleState("weight_sum")).isEqualTo(0.25);
            assertThat(trial.value()).containsExactly(6);
            trial.step(4); // z = 2, x = 6 + 0.8 * (2 - 6)
            assertThat(trial.ruleState("scheduled_lr")).isEqualTo(1);
            assertThat(trial.ruleState("ckp1")).isEqualTo(0.8);
            assertThat(trial.state("z")).containsExactly(2);
            assertThat(trial.value()[0]).isCloseTo((2.8f + 2) / 2, within(1e-6f));
        }
    }

    @Test
    void aLearningRateOfZeroAtFirstIsNoPoint() {
        try (var trial = new Trial(new ScheduleFreeSGD(0, 0.5, 0.5, 0, 0, 2), 8)) {
            trial.step(4);
            assertThat(trial.value()).containsExactly(8);
            assertThat(trial.ruleState("ckp1")).isZero();
            assertThat(trial.ruleState("lr_max")).isZero();
            assertThat(trial.ruleState("k")).isEqualTo(1);
        }
    }

    @Test
    void zBeginsWhereTheParameterIsAtItsFirstStep() {
        var early = vector("early", 8);
        var late = vector("late", 5);
        var frozen = vector("frozen", 7);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(new ScheduleFreeSGD(1, 0.5, 0, 0, 0, 2))
                                .group("all", List.of(early, late))
                                .group("frozen", List.of(frozen))
                                .backend(backend)
                                .build()) {
            optimizer.freeze("frozen");
            gradient(early, 2);
            optimizer.step();
            optimizer.run(ScheduleFreeSGD.EVAL);
            assertThat(values(late)).containsExactly(5);
            assertThat(values(frozen)).containsExactly(7);
            optimizer.run(ScheduleFreeSGD.TRAIN);
            assertThat(values(late)).containsExactly(5);
            gradient(early, 4);
            gradient(late, 4);
            optimizer.step();
            assertThat(values(early)).containsExactly(3);
            // c = 1/2: z = 1, x = (5 + 1) / 2, y = (3 + 1) / 2
            assertThat(optimizer.state("late", "z").toArray()).containsExactly(1);
            assertThat(values(late)).containsExactly(2);
            optimizer.run(ScheduleFreeSGD.EVAL);
            assertThat(values(late)).containsExactly(3);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 'must be in (0, 1), but is 0.0'",
        "1, 'must be in (0, 1), but is 1.0'",
        "1e-46, 'must be in (0, 1) as float32, but is 1.0E-46'"
    })
    void theParameterMustTellTheAverage(double weight, String problem) {
        assertRefused(
                () -> new ScheduleFreeSGD(1, weight, 0, 0, 0, 2),
                "ScheduleFreeSGD: momentum " + problem);
        assertRefused(
                () -> new ScheduleFreeAdamW(1, weight, 0.9, 0, 0, 0, 0, 2),
                "ScheduleFreeAdamW: beta1 " + problem);
    }

    @Test
    void whatMakesItTheAverageMustBeAFloat() {
        assertRefused(
                () -> new ScheduleFreeSGD(1, 0x1p-130, 0, 0, 0, 2),
                "ScheduleFreeSGD: 1 / momentum must be finite as float32, but is"
                        + " 1.361129467683754E39");
        assertRefused(
                () -> new ScheduleFreeAdamW(1, 0x1p-130, 0.9, 0, 0, 0, 0, 2),
                "ScheduleFreeAdamW: 1 / beta1 must be finite as float32, but is"
                        + " 1.361129467683754E39");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void stepsOfAWarmupAreNotNegative() {
        assertThatThrownBy(() -> new ScheduleFreeSGD(1, 0.9, 0, -1, 0, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("ScheduleFreeSGD: warmupSteps must be at least 0, but is -1");
    }

    @Test
    void theDefaultsAreItsAuthors() {
        var rule = ScheduleFreeSGD.defaults();
        assertThat(rule).isEqualTo(new ScheduleFreeSGD(1, 0.9, 0, 0, 0, 2));
        assertThat(ScheduleFreeSGD.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("schedule-free-sgd");
        assertThat(rule.takesMomentum()).isFalse();
        assertThat(rule.passes()).isEqualTo(ScheduleFreeAdamW.defaults().passes());
        assertThat(rule.slots())
                .extracting(Slot::name)
                .containsExactly("z", "k", "weight_sum", "lr_max", "scheduled_lr", "ckp1");
    }
}
