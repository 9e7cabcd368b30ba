package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.schedule.ScheduleTest.assertClose;
import static org.panoptim.schedule.ScheduleTest.factors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Sequences were printed by PyTorch 2.13's OneCycleLR for a peak of 1. */
class OneCycleTest {

    @Test
    void theDefaultsArePyTorchs() {
        assertThat(Schedule.oneCycle(10)).isEqualTo(new OneCycle(10, 0.3, 25, 1e4, 0.85, 0.95));
    }

    @Test
    void theLearningRateRisesForThreeTenthsAndFalls() {
        assertClose(
                factors(Schedule.oneCycle(10), 10),
                0.040000000000000036,
                0.52,
                1.0,
                0.9504846320134737,
                0.8117456539497631,
                0.6112620219362893,
                0.38874197806371075,
                0.18825834605023697,
                0.049519367986526286,
                4e-06);
    }

    @Test
    void theMomentumGoesTheOtherWay() {
        assertClose(
                momenta(Schedule.oneCycle(10), 10),
                0.95,
                0.8999999999999999,
                0.85,
                0.854951556604879,
                0.8688255099070633,
                0.8888739533021842,
                0.9111260466978157,
                0.9311744900929366,
                0.945048443395121,
                0.95);
    }

    @Test
    void thePeakMayFallBetweenSteps() {
        var schedule = new OneCycle(7, 0.5, 10, 100, 0.8, 0.9);
        assertClose(
                factors(schedule, 7),
                0.09999999999999998,
                0.41094235253127365,
                0.9140576474687263,
                0.9505339495172583,
                0.611649206511179,
                0.18906684397156262,
                0.001);
        assertClose(
                momenta(schedule, 7),
                0.9,
                0.8654508497187474,
                0.8095491502812526,
                0.804951556604879,
                0.8388739533021843,
                0.8811744900929367,
                0.9);
    }

    @Test
    void aFewStepsAreEnough() {
        assertClose(
                factors(Schedule.oneCycle(4), 4),
                0.040000000000000036,
                0.811745653949763,
                0.28306099820869923,
                4e-06);
        // The peak lies before the first step.
        assertClose(factors(Schedule.oneCycle(2), 2), 0.811745653949763, 4e-06);
        assertClose(momenta(Schedule.oneCycle(2), 2), 0.8688255099070633, 0.95);
    }

    @Test
    void aPeakOnTheFirstStepIsTaken() {
        // 0.25·4 − 1 = 0, where PyTorch divides by zero.
        var schedule = new OneCycle(4, 0.25, 25, 1e4, 0.85, 0.95);
        assertThat(schedule.factor(1)).isEqualTo(1);
        assertThat(schedule.momentum(1)).isEqualTo(0.85);
    }

    @Test
    void afterTheLastStepItStays() {
        var schedule = Schedule.oneCycle(10);
        assertThat(schedule.factor(11)).isEqualTo(schedule.factor(10));
        assertThat(schedule.momentum(Long.MAX_VALUE)).isEqualTo(schedule.momentum(10));
    }

    @Test
    void theLeastOfEverySettingIsTaken() {
        var schedule = new OneCycle(2, Double.MIN_VALUE, 1, 1, 0, 0);
        assertThat(factors(schedule, 2)).containsExactly(1, 1);
        assertThat(momenta(schedule, 2)).containsExactly(0, 0);
    }

    static Stream<Arguments> refused() {
        double nan = Double.NaN;
        return Stream.of(
                cycle("total must be at least 2, but is 1", 1, 0.3, 25, 1e4, 0.85, 0.95),
                cycle("rising must be in (0, 1), but is 0.0", 9, 0, 25, 1e4, 0.85, 0.95),
                cycle("rising must be in (0, 1), but is 1.0", 9, 1, 25, 1e4, 0.85, 0.95),
                cycle("rising must be in (0, 1), but is NaN", 9, nan, 25, 1e4, 0.85, 0.95),
                cycle(
                        "startDivisor must be finite and at least 1, but is 0.5",
                        9,
                        0.3,
                        0.5,
                        1e4,
                        0.85,
                        0.95),
                cycle(
                        "startDivisor must be finite and at least 1, but is Infinity",
                        9,
                        0.3,
                        Double.POSITIVE_INFINITY,
                        1e4,
                        0.85,
                        0.95),
                cycle(
                        "endDivisor must be finite and at least 1, but is NaN",
                        9,
                        0.3,
                        25,
                        nan,
                        0.85,
                        0.95),
                cycle(
                        "endDivisor must be finite and at least 1, but is Infinity",
                        9,
                        0.3,
                        25,
                        Double.POSITIVE_INFINITY,
                        0.85,
                        0.95),
                cycle("lowMomentum must be in [0, 1), but is -0.1", 9, 0.3, 25, 1e4, -0.1, 0.95),
                cycle("lowMomentum must be in [0, 1), but is 1.0", 9, 0.3, 25, 1e4, 1, 0.95),
                cycle("highMomentum must be in [0, 1), but is 1.0", 9, 0.3, 25, 1e4, 0.85, 1));
    }

    private static Arguments cycle(
            String message,
            long total,
            double rising,
            double start,
            double end,
            double low,
            double high) {
        return Arguments.of(message, total, rising, start, end, low, high);
    }

    @ParameterizedTest
    @MethodSource("refused")
    void badArgumentsAreNamed(
            String message,
            long total,
            double rising,
            double start,
            double end,
            double low,
            double high) {
        assertThatThrownBy(() -> new OneCycle(total, rising, start, end, low, high))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("oneCycle: " + message);
    }

    private static double[] momenta(Schedule schedule, int steps) {
        return LongStream.rangeClosed(1, steps).mapToDouble(schedule::momentum).toArray();
    }
}
