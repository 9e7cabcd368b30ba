package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.WarmupStableDecay.Shape;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Sequences "of PyTorch" were printed by PyTorch 2.13 for a learning rate of 1. */
class ScheduleTest {

    @Test
    void constantIsOneForEver() {
        assertThat(factors(Schedule.constant(), 3)).containsExactly(1, 1, 1);
        assertThat(Schedule.constant().factor(Long.MAX_VALUE)).isEqualTo(1);
    }

    @Test
    void aFunctionIsAskedForStepsFromOne() {
        assertThat(factors(Schedule.of(step -> 1.0 / step), 4))
                .containsExactly(1, 1 / 2.0, 1 / 3.0, 1 / 4.0);
    }

    @Test
    void onlyOneCycleAndCyclicHaveMomentum() {
        for (var schedule :
                new Schedule[] {
                    Schedule.constant(),
                    Schedule.of(_ -> 0.5),
                    Schedule.step(3, 0.5),
                    Schedule.cosine(10),
                    Schedule.linearWarmup(3),
                    Schedule.warmupCosine(3, 10),
                    Schedule.constant(0.5, 3),
                    Schedule.multiStep(0.5, 3),
                    Schedule.linear(0.5, 1, 3),
                    Schedule.exponential(0.5),
                    Schedule.polynomial(3, 1),
                    Schedule.polynomial(3, 2),
                    Schedule.multiplicative(_ -> 0.5),
                    Schedule.cosineWarmRestarts(3, 1, 0),
                    Schedule.warmupStableDecay(3, 3, 3, Shape.LINEAR),
                    Schedule.cyclic(0.1, 1, 3),
                    Schedule.sequential(List.of(Schedule.constant())),
                    Schedule.chained(Schedule.constant(), Schedule.step(3, 0.5)),
                    Schedule.reduceOnPlateau()
                }) {
            assertThat(schedule.momentum(1)).isNaN();
        }
    }

    @Test
    void aScheduleThatSetsTheMomentumIsRefusedForARuleThatHasNone() {
        try (var backend = Backend.named("reference")) {
            var parameter = vector("p", 1);
            var builder =
                    Optimizer.builder(SGD.withLearningRate(0.1))
                            .group("all", List.of(parameter))
                            .schedule(Schedule.oneCycle(10))
                            .backend(backend);
            assertThatThrownBy(builder::build)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "the schedule sets the momentum, to 0.95 at step 1, but rule sgd of"
                                    + " group 'all' has none; give it one, or take a schedule"
                                    + " without momentum");
        }
    }

    @Test
    void aMomentumOfZeroIsTaken() {
        var schedule = new MomentumSchedule(step -> 0);
        assertThat(afterTwoSteps(SGD.withLearningRate(1).withMomentum(0.9), schedule))
                .isEqualTo(-2);
    }

    @Test
    void aFactorOfZeroIsAStepThatLeavesTheParameterAsItIs() {
        assertThat(afterTwoSteps(SGD.withLearningRate(1), Schedule.of(step -> step == 1 ? 0 : 1)))
                .isEqualTo(-1);
    }

    @Test
    void aFactorOfOneNeedsNoRuleAtAnotherLearningRate() {
        assertThat(afterTwoSteps(new Unchanging(1), Schedule.constant())).isEqualTo(-2);
        assertThatThrownBy(() -> afterTwoSteps(new Unchanging(1), Schedule.of(_ -> 2)))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    /** A rule that is made for one learning rate. */
    public record Unchanging(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "unchanging";
        }

        @Override
        public UpdateRule atLearningRate(double value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element ->
                    element.parameter(
                            element.parameter() - (float) learningRate * element.gradient());
        }
    }

    /** Where a parameter of 0 is after two steps by a gradient of 1. */
    private static float afterTwoSteps(UpdateRule rule, Schedule schedule) {
        var parameter = gradient(vector("p", 0), 1);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(rule)
                                .group("all", List.of(parameter))
                                .schedule(schedule)
                                .backend(backend)
                                .build()) {
            optimizer.step();
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(2);
            return values(parameter)[0];
        }
    }

    @Test
    void aMomentumThatComesLaterIsRefusedAtItsStepAndChangesNothing() {
        var late = new MomentumSchedule(step -> step < 3 ? Double.NaN : 0.9);
        try (var backend = Backend.named("reference")) {
            var parameter = vector("p", 1);
            gradient(parameter, 1);
            try (var optimizer =
                    Optimizer.builder(SGD.withLearningRate(0.5))
                            .group("all", List.of(parameter))
                            .schedule(late)
                            .backend(backend)
                            .build()) {
                optimizer.step();
                optimizer.step();
                assertThatThrownBy(optimizer::step)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContainingAll("0.9 at step 3", "rule sgd", "group 'all'");
                assertThat(values(parameter)).containsExactly(0);
                assertThat(optimizer.report().step()).isEqualTo(2);
            }
        }
    }

    @Test
    void stepIsPyTorchsStepLR() {
        assertThat(factors(Schedule.step(3, 0.5), 10))
                .containsExactly(1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125);
        assertClose(
                factors(Schedule.step(2, 0.1), 7),
                1,
                1,
                0.1,
                0.1,
                0.010000000000000002,
                0.010000000000000002,
                0.0010000000000000002);
    }

    @Test
    void aSmallerConstantEndsAfterItsSteps() {
        assertThat(factors(Schedule.constant(0.25, 3), 5)).containsExactly(0.25, 0.25, 0.25, 1, 1);
        assertThat(factors(Schedule.constant(1, 1), 2)).containsExactly(1, 1);
    }

    @Test
    void multiStepMultipliesBehindEachMilestone() {
        assertThat(factors(Schedule.multiStep(0.5, 1, 2, 5), 7))
                .containsExactly(1, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125);
        assertThat(factors(Schedule.multiStep(0.5), 3)).containsExactly(1, 1, 1);
        assertThat(factors(Schedule.multiStep(0, 1), 3)).containsExactly(1, 0, 0);
    }

    @Test
    void linearGoesFromStartToEnd() {
        assertThat(factors(Schedule.linear(0.25, 1, 3), 5)).containsExactly(0.25, 0.5, 0.75, 1, 1);
        assertThat(factors(Schedule.linear(1, 0, 4), 6)).containsExactly(1, 0.75, 0.5, 0.25, 0, 0);
        assertThat(factors(Schedule.linear(0.5, 0.5, 1), 3)).containsExactly(0.5, 0.5, 0.5);
    }

    @Test
    void exponentialMultipliesAfterEveryStep() {
        assertThat(factors(Schedule.exponential(0.5), 4)).containsExactly(1, 0.5, 0.25, 0.125);
        assertThat(factors(Schedule.exponential(2), 3)).containsExactly(1, 2, 4);
        assertThat(factors(Schedule.exponential(0), 3)).containsExactly(1, 0, 0);
    }

    @Test
    void polynomialEndsAtZero() {
        assertThat(factors(Schedule.polynomial(4, 2), 6))
                .containsExactly(1, 0.5625, 0.25, 0.0625, 0, 0);
        assertThat(factors(Schedule.polynomial(2, 1), 4)).containsExactly(1, 0.5, 0, 0);
        assertThat(Schedule.polynomial(4, 0.5).factor(4)).isEqualTo(0.5);
        assertThat(Schedule.polynomial(1, Double.MIN_VALUE).factor(2)).isZero();
    }

    @Test
    void multiplicativeMultipliesFromTheSecondStepOn() {
        assertThat(factors(Schedule.multiplicative(step -> step), 4)).containsExactly(1, 2, 6, 24);
    }

    @Test
    void warmRestartsBeginAtOneAgain() {
        assertThat(factors(Schedule.cosineWarmRestarts(2, 1, 0), 5))
                .containsExactly(1, 0.5, 1, 0.5, 1);
        double root = Math.sqrt(0.5);
        assertClose(
                factors(Schedule.cosineWarmRestarts(1, 2, 0), 8),
                1,
                1,
                0.5,
                1,
                (1 + root) / 2,
                0.5,
                (1 - root) / 2,
                1);
        assertClose(factors(Schedule.cosineWarmRestarts(2, 3, 0.5), 3), 1, 0.75, 1);
        assertClose(factors(Schedule.cosineWarmRestarts(2, 1, 2), 3), 1, 1.5, 1);
    }

    @Test
    void warmRestartsGoOnForEver() {
        assertThat(Schedule.cosineWarmRestarts(3, 1, 0).factor(3L * (1L << 40) + 1)).isEqualTo(1);
        // The cycles before this one took 2^50 − 1 steps.
        assertThat(Schedule.cosineWarmRestarts(1, 2, 0).factor(1L << 50)).isEqualTo(1);
        for (long multiplier : new long[] {1, 2, Long.MAX_VALUE}) {
            assertThat(Schedule.cosineWarmRestarts(7, multiplier, 0).factor(Long.MAX_VALUE))
                    .isBetween(0.0, 1.0);
        }
    }

    @Test
    void cosineIsPyTorchsCosineAnnealingLR() {
        assertClose(
                factors(Schedule.cosine(5, 0.1), 6),
                1,
                0.9140576474687263,
                0.6890576474687263,
                0.41094235253127365,
                0.1859423525312737,
                0.1);
        assertClose(
                factors(Schedule.cosine(8), 9),
                1,
                0.9619397662556434,
                0.8535533905932737,
                0.6913417161825449,
                0.5,
                0.30865828381745514,
                0.14644660940672627,
                0.03806023374435664,
                0);
    }

    @Test
    void cosineStaysAtItsFloor() {
        var schedule = Schedule.cosine(5, 0.1);
        assertThat(schedule.factor(6)).isEqualTo(0.1);
        assertThat(schedule.factor(7)).isEqualTo(0.1);
        assertThat(schedule.factor(Long.MAX_VALUE)).isEqualTo(0.1);
    }

    @Test
    void linearWarmupRisesInEqualPartsAndStays() {
        assertThat(factors(Schedule.linearWarmup(4), 6)).containsExactly(0.25, 0.5, 0.75, 1, 1, 1);
        assertThat(factors(Schedule.linearWarmup(1), 2)).containsExactly(1, 1);
    }

    @Test
    void warmupCosineRisesToOneAndFallsToZeroAtTheTotal() {
        // (1 + cos(π·k/4))/2 for k = 1…4 after the rise: halves and roots of two.
        double root = Math.sqrt(0.5);
        assertClose(
                factors(Schedule.warmupCosine(2, 6), 8),
                0.5,
                1,
                (1 + root) / 2,
                0.5,
                (1 - root) / 2,
                0,
                0,
                0);
        assertThat(Schedule.warmupCosine(2, 6).factor(6)).isZero();
    }

    @Test
    void warmupCosineWithoutAWarmupIsACosine() {
        assertClose(factors(Schedule.warmupCosine(0, 2), 2), 0.5, 0);
    }

    @Test
    void largeNumbersOfStepsLoseNothing() {
        long all = 1L << 40;
        assertThat(Schedule.linearWarmup(all).factor(all / 2)).isEqualTo(0.5);
        assertThat(Schedule.cosine(all).factor(all / 2 + 1)).isCloseTo(0.5, within(1e-15));
        assertThat(Schedule.step(all, 0.5).factor(all)).isEqualTo(1);
        assertThat(Schedule.step(all, 0.5).factor(all + 1)).isEqualTo(0.5);
    }

    @Test
    void pureSchedulesKeepNoStateAndRefuseOne() {
        var schedule = Schedule.cosine(5);
        assertThat(schedule.state()).isEmpty();
        schedule.restore(Map.of());
        assertThatThrownBy(() -> schedule.restore(Map.of("best", 1.0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("this schedule keeps no state, but was given {best=1.0}");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, -200, Long.MIN_VALUE})
    void noStepIsBelowOne(long step) {
        var message = "steps count from 1, so none is " + step;
        for (var schedule :
                List.of(
                        Schedule.constant(),
                        Schedule.constant(0.5, 3),
                        Schedule.of(_ -> 0.5),
                        Schedule.step(3, 0.5),
                        Schedule.multiStep(0.5, 3),
                        Schedule.exponential(0.5),
                        Schedule.linear(0.5, 1, 3),
                        Schedule.polynomial(3, 1),
                        Schedule.polynomial(3, 2),
                        Schedule.multiplicative(_ -> 0.5),
                        Schedule.cosine(10),
                        Schedule.cosineWarmRestarts(3, 1, 0),
                        Schedule.linearWarmup(3),
                        Schedule.warmupCosine(3, 10),
                        Schedule.warmupStableDecay(3, 3, 3, Shape.LINEAR),
                        Schedule.reduceOnPlateau(),
                        Schedule.sequential(List.of(_ -> 1, _ -> 1), 3),
                        Schedule.chained(Schedule.constant(), _ -> 1))) {
            assertRefused(() -> schedule.factor(step), message);
        }
        for (var schedule :
                List.of(
                        Schedule.oneCycle(10),
                        Schedule.cyclic(0.5, 1, 3).withMomentum(0.8, 0.9),
                        Schedule.sequential(List.of(_ -> 1)),
                        Schedule.chained(_ -> 1))) {
            assertRefused(() -> schedule.factor(step), message);
            assertRefused(() -> schedule.momentum(step), message);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void lengthsBelowOneAreRefused(long length) {
        assertRefused(
                () -> Schedule.step(length, 0.5),
                "step: interval must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.cosine(length),
                "cosine: steps must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.linearWarmup(length),
                "linearWarmup: steps must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.constant(0.5, length),
                "constant: steps must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.linear(0.5, 1, length),
                "linear: steps must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.polynomial(length, 1),
                "polynomial: steps must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.cosineWarmRestarts(length, 1, 0),
                "cosineWarmRestarts: period must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.cosineWarmRestarts(1, length, 0),
                "cosineWarmRestarts: multiplier must be at least 1, but is " + length);
        assertRefused(
                () -> Schedule.multiStep(0.5, length),
                "multiStep: milestones must be at least 1 and rise, but are [" + length + "]");
    }

    @Test
    void milestonesThatDoNotRiseAreRefused() {
        assertRefused(
                () -> Schedule.multiStep(0.5, 3, 3),
                "multiStep: milestones must be at least 1 and rise, but are [3, 3]");
        assertRefused(
                () -> Schedule.multiStep(0.5, 3, 5, 4),
                "multiStep: milestones must be at least 1 and rise, but are [3, 5, 4]");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.5, Double.NaN, Double.POSITIVE_INFINITY})
    void factorsThatAreNoLearningRateAreRefused(double factor) {
        assertRefused(
                () -> Schedule.step(1, factor),
                "step: gamma must be finite and at least 0, but is " + factor);
        assertRefused(
                () -> Schedule.cosine(1, factor),
                "cosine: floor must be finite and at least 0, but is " + factor);
        assertRefused(
                () -> Schedule.multiStep(factor, 1),
                "multiStep: gamma must be finite and at least 0, but is " + factor);
        assertRefused(
                () -> Schedule.exponential(factor),
                "exponential: gamma must be finite and at least 0, but is " + factor);
        assertRefused(
                () -> Schedule.cosineWarmRestarts(1, 1, factor),
                "cosineWarmRestarts: floor must be finite and at least 0, but is " + factor);
        assertRefused(
                () -> Schedule.polynomial(1, factor),
                "polynomial: power must be finite and above 0, but is " + factor);
        assertRefused(
                () -> Schedule.constant(factor, 1),
                "constant: factor must be in (0, 1], but is " + factor);
        assertRefused(
                () -> Schedule.linear(factor, 1, 1),
                "linear: start must be in (0, 1], but is " + factor);
        assertRefused(
                () -> Schedule.linear(1, factor, 1),
                "linear: end must be in [0, 1], but is " + factor);
    }

    @Test
    void fractionsOutsideTheirBoundsAreRefused() {
        assertRefused(
                () -> Schedule.polynomial(1, 0),
                "polynomial: power must be finite and above 0, but is 0.0");
        assertRefused(
                () -> Schedule.constant(0, 1), "constant: factor must be in (0, 1], but is 0.0");
        assertRefused(
                () -> Schedule.constant(1.5, 1), "constant: factor must be in (0, 1], but is 1.5");
        assertRefused(
                () -> Schedule.linear(0, 1, 1), "linear: start must be in (0, 1], but is 0.0");
        assertRefused(
                () -> Schedule.linear(1, 1.5, 1), "linear: end must be in [0, 1], but is 1.5");
    }

    @Test
    void aWarmupLongerThanTheWholeIsRefused() {
        assertRefused(
                () -> Schedule.warmupCosine(5, 5),
                "warmupCosine: needs 0 <= warmup < total, but warmup is 5 and total 5");
        assertRefused(
                () -> Schedule.warmupCosine(-1, 5),
                "warmupCosine: needs 0 <= warmup < total, but warmup is -1 and total 5");
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    static double[] factors(Schedule schedule, int steps) {
        return LongStream.rangeClosed(1, steps).mapToDouble(schedule::factor).toArray();
    }

    /** Within a few roundings of numbers of at most 1. */
    static void assertClose(double[] actual, double... expected) {
        assertThat(actual)
                .as("factors %s", Arrays.toString(actual))
                .containsExactly(expected, within(4e-16));
    }
}
