package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.schedule.ScheduleTest.factors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Products that are calculated step by step, for any step. */
class RecursiveScheduleTest {

    private static final long LAST = RecursiveSchedule.LAST;

    private static double[] powers(double gamma, int steps) {
        var powers = new double[steps];
        powers[0] = 1;
        for (int i = 1; i < steps; i++) {
            powers[i] = powers[i - 1] * gamma;
        }
        return powers;
    }

    @Test
    void stepsCanBeAskedForInAnyOrder() {
        int steps = 2000;
        var expected = powers(0.9973, steps);
        var backwards = Schedule.exponential(0.9973);
        for (int step = steps; step >= 1; step--) {
            assertThat(backwards.factor(step)).as("step %d", step).isEqualTo(expected[step - 1]);
        }
        var anywhere = Schedule.exponential(0.9973);
        var random = new Random(7);
        for (int i = 0; i < 5000; i++) {
            int step = 1 + random.nextInt(steps);
            assertThat(anywhere.factor(step)).as("step %d", step).isEqualTo(expected[step - 1]);
        }
    }

    @Test
    void severalThreadsCanAskAtOnce() {
        int steps = 20_000;
        var expected = powers(0.9999, steps);
        for (int i = 0; i < 20; i++) {
            var schedule = Schedule.exponential(0.9999);
            assertThat(
                            LongStream.rangeClosed(1, steps)
                                    .parallel()
                                    .mapToDouble(schedule::factor)
                                    .toArray())
                    .isEqualTo(expected);
        }
    }

    @Test
    void theClosedFormTakesOverBehindTheLastStep() {
        double gamma = 1 - 1e-7;
        double product = 1;
        for (long step = 2; step <= LAST; step++) {
            product *= gamma;
        }
        double power = StrictMath.pow(gamma, LAST - 1);
        assertThat(product).isNotEqualTo(power);
        var schedule = Schedule.exponential(gamma);
        assertThat(schedule.factor(LAST)).isEqualTo(product);
        assertThat(schedule.factor(LAST + 1)).isEqualTo(StrictMath.pow(gamma, LAST));
        assertThat(Schedule.chained(schedule, schedule).factor(LAST + 1))
                .isEqualTo(StrictMath.pow(gamma, LAST) * StrictMath.pow(gamma, LAST));
    }

    @Test
    void closedFormsHaveTheirBoundariesWhereTheProductsHave() {
        assertThat(factorsFrom(Schedule.step(LAST / 2 + 1, 0.5), LAST + 1, LAST + 2, LAST + 3))
                .containsExactly(0.5, 0.5, 0.25);
        assertThat(factorsFrom(Schedule.multiStep(0.5, 3, LAST + 2), 4, LAST + 2, LAST + 3))
                .containsExactly(0.5, 0.5, 0.25);
        assertThat(factorsFrom(Schedule.constant(0.25, LAST + 2), LAST, LAST + 2, LAST + 3))
                .containsExactly(0.25, 0.25, 1);
        double part = 0.47;
        assertThat(Schedule.constant(part, 1).factor(LAST + 1))
                .isEqualTo(part * (1 / part))
                .isNotEqualTo(1);
        assertThat(
                        factorsFrom(
                                Schedule.linear(0.25, 0.75, 2 * LAST),
                                LAST + 1,
                                2 * LAST + 1,
                                3 * LAST))
                .containsExactly(0.5, 0.75, 0.75);
        assertThat(
                        factorsFrom(
                                Schedule.polynomial(4 * LAST, 1),
                                LAST + 1,
                                2 * LAST + 1,
                                4 * LAST + 1,
                                5 * LAST))
                .containsExactly(0.75, 0.5, 0, 0);
    }

    private static double[] factorsFrom(Schedule schedule, long... steps) {
        return LongStream.of(steps).mapToDouble(schedule::factor).toArray();
    }

    static Stream<Schedule> closed() {
        return Stream.of(
                Schedule.step(3, 0.999),
                Schedule.multiStep(0.5, 1, 2, 3),
                Schedule.constant(0.5, 1L << 40),
                Schedule.linear(0.5, 0.1, 1L << 40),
                Schedule.exponential(0.999),
                Schedule.polynomial(1L << 40, 1),
                Schedule.chained(Schedule.exponential(0.999), Schedule.linear(1, 0, 9)));
    }

    @ParameterizedTest
    @MethodSource("closed")
    @Timeout(10)
    void aStepFarAwayIsNotWalkedTo(Schedule schedule) {
        assertThat(schedule.factor(Long.MAX_VALUE)).isBetween(0.0, 1.0);
    }

    @Test
    void aMultiplierIsAskedOnlyForStepsThatAreNeeded() {
        var asked = new ArrayList<Long>();
        var schedule =
                Schedule.multiplicative(
                        step -> {
                            asked.add(step);
                            return 0.5;
                        });
        assertThat(schedule.factor(1)).isEqualTo(1);
        assertThat(asked).isEmpty();
        assertThat(schedule.factor(4)).isEqualTo(0.125);
        assertThat(asked).containsExactly(2L, 3L, 4L);
        schedule.factor(4);
        assertThat(asked).hasSize(3);
        schedule.factor(300);
        assertThat(asked).hasSize(299);
        schedule.factor(301);
        assertThat(asked).hasSize(300);
        // Back to the last step before it that was kept, 0, and then to another one, 256.
        schedule.factor(10);
        assertThat(asked).hasSize(309);
        schedule.factor(260);
        assertThat(asked).hasSize(313);
    }

    @Test
    void aMultiplierIsAskedForStepsBehindTheLastOneToo() {
        var schedule = Schedule.multiplicative(step -> step <= LAST ? 1 : 0.5);
        assertThat(schedule.factor(LAST + 2)).isEqualTo(0.25);
        double gamma = 1 - 1e-7;
        double product = 1;
        for (long step = 2; step <= LAST + 2; step++) {
            product *= gamma;
        }
        assertThat(product).isNotEqualTo(StrictMath.pow(gamma, LAST + 1));
        assertThat(Schedule.chained(Schedule.exponential(gamma), schedule).factor(LAST + 2))
                .isEqualTo(product * 0.25);
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.5, Double.NaN, Double.POSITIVE_INFINITY})
    void aMultiplierThatIsNoneIsNamedWithItsStep(double value) {
        var schedule = Schedule.multiplicative(step -> step == 130 ? value : 0.9);
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> schedule.factor(131))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "multiplicative: multiplier must be finite and at least 0, but is "
                                    + value
                                    + " at step 130");
            assertThat(factors(schedule, 129)).isEqualTo(powers(0.9, 129));
        }
    }

    @Test
    void aMultiplierOfZeroIsTaken() {
        assertThat(factors(Schedule.multiplicative(_ -> 0), 3)).containsExactly(1, 0, 0);
    }
}
