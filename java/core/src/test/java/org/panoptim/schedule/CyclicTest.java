package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.schedule.ScheduleTest.factors;

import org.assertj.core.data.Index;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.schedule.Cyclic.Mode;

import java.util.stream.LongStream;

class CyclicTest {

    private static double[] momenta(Schedule schedule, int steps) {
        return LongStream.rangeClosed(1, steps).mapToDouble(schedule::momentum).toArray();
    }

    @Test
    void theDefaultsAreATriangleWithoutMomentum() {
        assertThat(Schedule.cyclic(0.1, 1, 5))
                .isEqualTo(new Cyclic(0.1, 1, 5, 5, Mode.TRIANGULAR, 1, Double.NaN, Double.NaN));
        assertThat(Schedule.cyclic(0.1, 1, 5).momentum(3)).isNaN();
    }

    @Test
    void itGoesUpAndDown() {
        assertThat(factors(Schedule.cyclic(0, 1, 2), 9))
                .containsExactly(0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0);
        assertThat(factors(Schedule.cyclic(0.5, 0.5, 2), 3)).containsExactly(0.5, 0.5, 0.5);
        assertThat(factors(Schedule.cyclic(1, 3, 1), 4)).containsExactly(1, 3, 1, 3);
    }

    @Test
    void theWayDownMayBeLonger() {
        var schedule = Schedule.cyclic(0, 1, 4).withStepsDown(12);
        assertThat(factors(schedule, 17))
                .startsWith(0, 0.25, 0.5, 0.75, 1)
                .endsWith(1 / 12.0 * 3, 1 / 12.0 * 2, 1 / 12.0, 0);
        assertThat(schedule.factor(11)).isEqualTo(0.5);
    }

    @Test
    void theMomentumGoesTheOtherWay() {
        var schedule = Schedule.cyclic(0, 1, 2).withMomentum(0.5, 0.75);
        assertThat(momenta(schedule, 5)).containsExactly(0.75, 0.625, 0.5, 0.625, 0.75);
        assertThat(factors(schedule, 3)).containsExactly(0, 0.5, 1);
        assertThat(momenta(Schedule.cyclic(0, 1, 2).withMomentum(0, 0), 2)).containsExactly(0, 0);
    }

    @Test
    void triangular2HalvesTheHeight() {
        var schedule = Schedule.cyclic(0.25, 1.25, 2).withMomentum(0.5, 0.75).triangular2();
        assertThat(factors(schedule, 9))
                .containsExactly(0.25, 0.75, 1.25, 0.75, 0.25, 0.5, 0.75, 0.5, 0.25);
        assertThat(momenta(schedule, 8)).contains(0.625, Index.atIndex(6));
    }

    @Test
    void triangular2ComesToNothing() {
        var schedule = Schedule.cyclic(0, 1, 1).triangular2();
        // Steps 2, 4, 6 … are the peaks of cycles 1, 2, 3 …
        assertThat(schedule.factor(2 * 1075)).isEqualTo(Double.MIN_VALUE);
        assertThat(schedule.factor(2 * 1076)).isZero();
        assertThat(schedule.factor(1L << 50)).isZero();
    }

    @Test
    void expRangeShrinksAtEveryStep() {
        var schedule = Schedule.cyclic(1, 3, 1).expRange(0.5).withMomentum(0.5, 0.75);
        assertThat(factors(schedule, 6)).containsExactly(1, 2, 1, 1.25, 1, 1.0625);
        assertThat(momenta(schedule, 4)).containsExactly(0.75, 0.625, 0.75, 0.71875);
        assertThat(factors(Schedule.cyclic(1, 3, 1).expRange(0), 4)).containsExactly(1, 1, 1, 1);
        assertThat(factors(Schedule.cyclic(1, 3, 1).expRange(1), 4)).containsExactly(1, 3, 1, 3);
    }

    @Test
    void whatIsNotNamedStaysAsItIs() {
        var schedule = new Cyclic(0.1, 1, 5, 6, Mode.EXP_RANGE, 0.5, 0.8, 0.9);
        assertThat(schedule.withStepsDown(7))
                .isEqualTo(new Cyclic(0.1, 1, 5, 7, Mode.EXP_RANGE, 0.5, 0.8, 0.9));
        assertThat(schedule.withMomentum(0.7, 0.8))
                .isEqualTo(new Cyclic(0.1, 1, 5, 6, Mode.EXP_RANGE, 0.5, 0.7, 0.8));
        assertThat(schedule.expRange(0.25))
                .isEqualTo(new Cyclic(0.1, 1, 5, 6, Mode.EXP_RANGE, 0.25, 0.8, 0.9));
        assertThat(schedule.triangular2())
                .isEqualTo(new Cyclic(0.1, 1, 5, 6, Mode.TRIANGULAR2, 1, 0.8, 0.9));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-1  | 1  | 2 | 2 | TRIANGULAR  | 1   | NaN  | NaN | base must be finite and at"
                        + " least 0, but is -1.0",
                "NaN | 1  | 2 | 2 | TRIANGULAR  | 1   | NaN  | NaN | base must be finite and at"
                        + " least 0, but is NaN",
                "0.5 | 0.4| 2 | 2 | TRIANGULAR  | 1   | NaN  | NaN | max must be at least base 0.5,"
                        + " but is 0.4",
                "0   | Infinity | 2 | 2 | TRIANGULAR | 1 | NaN | NaN | max must be finite and at"
                        + " least 0, but is Infinity",
                "0   | 1  | 0 | 2 | TRIANGULAR  | 1   | NaN  | NaN | stepsUp must be at least 1,"
                        + " but is 0",
                "0   | 1  | 2 | 0 | TRIANGULAR  | 1   | NaN  | NaN | stepsDown must be at least 1,"
                        + " but is 0",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 0.9 | NaN  | NaN | gamma must be 1 in mode"
                        + " TRIANGULAR, but is 0.9",
                "0   | 1  | 2 | 2 | TRIANGULAR2 | 2   | NaN  | NaN | gamma must be 1 in mode"
                        + " TRIANGULAR2, but is 2.0",
                "0   | 1  | 2 | 2 | EXP_RANGE   | 1.5 | NaN  | NaN | gamma must be in [0, 1], but"
                        + " is 1.5",
                "0   | 1  | 2 | 2 | EXP_RANGE   | -0.5| NaN  | NaN | gamma must be in [0, 1], but"
                        + " is -0.5",
                "0   | 1  | 2 | 2 | EXP_RANGE   | NaN | NaN  | NaN | gamma must be in [0, 1], but"
                        + " is NaN",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 1   | NaN  | 0.9 | baseMomentum must be in [0,"
                        + " 1), but is NaN",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 1   | 0.8  | NaN | maxMomentum must be in [0, 1),"
                        + " but is NaN",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 1   | -0.1 | 0.9 | baseMomentum must be in [0,"
                        + " 1), but is -0.1",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 1   | 0.8  | 1   | maxMomentum must be in [0, 1),"
                        + " but is 1.0",
                "0   | 1  | 2 | 2 | TRIANGULAR  | 1   | 0.9  | 0.8 | maxMomentum must be at least"
                        + " baseMomentum 0.9, but is 0.8"
            })
    void badArgumentsAreNamed(
            double base,
            double max,
            long up,
            long down,
            Mode mode,
            double gamma,
            double baseMomentum,
            double maxMomentum,
            String message) {
        assertThatThrownBy(
                        () ->
                                new Cyclic(
                                        base,
                                        max,
                                        up,
                                        down,
                                        mode,
                                        gamma,
                                        baseMomentum,
                                        maxMomentum))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("cyclic: " + message);
    }
}
