package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ScheduleChoiceTest {

    private static double[] factors(String text, long steps, long... at) {
        var schedule = ScheduleChoice.parse(text).of(steps);
        var factors = new double[at.length];
        for (int i = 0; i < at.length; i++) {
            factors[i] = schedule.factor(at[i]);
        }
        return factors;
    }

    @Test
    void sharesAreOfAllSteps() {
        assertThat(factors("wsd:warmup=0.1:decay=0.49:floor=0.2", 100, 1, 10, 51, 76, 101))
                .containsExactly(new double[] {0.1, 1, 1, 0.6, 0.2}, within(1e-12));
        assertThat(factors("warmup-cosine:warmup=0.5", 18, 1, 9, 14, 19))
                .containsExactly(new double[] {1 / 9.0, 1, 0.5, 0}, within(1e-12));
    }

    @Test
    void theLastStepStillMoves() {
        for (var name : ScheduleChoice.names()) {
            assertThat(factors(name, 100, 100)[0]).as(name).isBetween(1e-5, 0.1);
        }
    }

    @Test
    void withoutAWarmUpTheFirstStepHasTheWholeRate() {
        assertThat(factors("linear", 10, 1, 6))
                .containsExactly(new double[] {1, 0.5}, within(1e-12));
        assertThat(factors("cosine:floor=0.5", 10, 1, 6))
                .containsExactly(new double[] {1, 0.75}, within(1e-12));
    }

    @Test
    void aTrainingOfOneStepHasASchedule() {
        for (var name : ScheduleChoice.names()) {
            assertThat(factors(name, 1, 1)[0]).as(name).isBetween(0.0, 1.0);
        }
    }
}
