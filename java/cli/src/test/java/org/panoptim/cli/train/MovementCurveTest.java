package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.StepReport;
import org.panoptim.StepStatistics;

import java.util.Map;
import java.util.OptionalDouble;

/** What steps did. */
class MovementCurveTest {

    private static StepReport step(double gradientNorm, double updateNorm) {
        var statistics =
                new StepStatistics(
                        1,
                        OptionalDouble.of(gradientNorm),
                        OptionalDouble.of(2),
                        OptionalDouble.of(updateNorm),
                        OptionalDouble.of(0),
                        Map.of());
        return new StepReport(
                1,
                0,
                true,
                1,
                Map.of(),
                Map.of(),
                OptionalDouble.of(gradientNorm),
                OptionalDouble.of(updateNorm),
                1,
                Map.of(),
                Map.of("all", statistics));
    }

    @Test
    void aStepIsAPoint() {
        var curve = new MovementCurve(10);
        curve.add(2, step(1, 2));
        curve.add(4, step(3, 6));
        assertThat(curve.points())
                .containsExactly(new Outcome.Movement(0.2, 1, 1), new Outcome.Movement(0.4, 3, 3));
    }

    @Test
    void aHundredStepsOfATrainingAreEnough() {
        assertThat(MovementCurve.interval(900)).isEqualTo(9);
        assertThat(MovementCurve.interval(901)).isEqualTo(10);
        assertThat(MovementCurve.interval(3)).isEqualTo(1);
    }
}
