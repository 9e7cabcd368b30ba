package org.panoptim.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.schedule.ScheduleTest.assertClose;
import static org.panoptim.schedule.ScheduleTest.factors;

import org.assertj.core.data.Index;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.schedule.WarmupStableDecay.Shape;

class WarmupStableDecayTest {

    @Test
    void aLine() {
        assertThat(factors(Schedule.warmupStableDecay(2, 3, 4, Shape.LINEAR), 11))
                .containsExactly(0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0);
    }

    @Test
    void aCosine() {
        double root = Math.sqrt(0.5);
        assertClose(
                factors(Schedule.warmupStableDecay(1, 1, 4, Shape.COSINE), 7),
                1,
                1,
                (1 + root) / 2,
                0.5,
                (1 - root) / 2,
                0,
                0);
    }

    @Test
    void oneMinusTheRoot() {
        assertThat(factors(Schedule.warmupStableDecay(0, 1, 16, Shape.ONE_MINUS_SQRT), 18))
                .startsWith(1, 0.75)
                .contains(0.5, Index.atIndex(4))
                .contains(0.25, Index.atIndex(9))
                .endsWith(1 - Math.sqrt(15 / 16.0), 0, 0);
    }

    @ParameterizedTest
    @EnumSource
    void itEndsAtTheFloor(Shape shape) {
        var schedule = Schedule.warmupStableDecay(2, 3, 4, shape).withFloor(0.1);
        assertThat(schedule).isEqualTo(new WarmupStableDecay(2, 3, 4, shape, 0.1));
        assertThat(schedule.factor(5)).isEqualTo(1);
        assertThat(schedule.factor(6)).isBetween(0.11, 0.99);
        assertThat(schedule.factor(8)).isBetween(0.11, 0.99);
        assertThat(schedule.factor(9)).isEqualTo(0.1);
        assertThat(schedule.factor(Long.MAX_VALUE)).isEqualTo(0.1);
        assertThat(factors(schedule.withFloor(1), 9)).containsExactly(0.5, 1, 1, 1, 1, 1, 1, 1, 1);
    }

    @Test
    void theFloorIsWhatALineFallsTo() {
        assertThat(factors(Schedule.warmupStableDecay(0, 0, 4, Shape.LINEAR).withFloor(0.5), 5))
                .containsExactly(0.875, 0.75, 0.625, 0.5, 0.5);
    }

    @Test
    void aStableTrainingHasNoEnd() {
        var schedule = Schedule.warmupStableDecay(2, Long.MAX_VALUE, 4, Shape.LINEAR);
        assertThat(schedule.factor(1)).isEqualTo(0.5);
        assertThat(schedule.factor(3)).isEqualTo(1);
        assertThat(schedule.factor(Long.MAX_VALUE)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-1 | 0  | 1 | 0    | warmup must be at least 0, but is -1",
                "0  | -1 | 1 | 0    | stable must be at least 0, but is -1",
                "0  | 0  | 0 | 0    | decay must be at least 1, but is 0",
                "0  | 0  | 1 | -0.1 | floor must be in [0, 1], but is -0.1",
                "0  | 0  | 1 | 1.5  | floor must be in [0, 1], but is 1.5",
                "0  | 0  | 1 | NaN  | floor must be in [0, 1], but is NaN"
            })
    void badArgumentsAreNamed(long warmup, long stable, long decay, double floor, String message) {
        assertThatThrownBy(() -> new WarmupStableDecay(warmup, stable, decay, Shape.LINEAR, floor))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("warmupStableDecay: " + message);
    }
}
