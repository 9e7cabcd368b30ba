package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.StepReport;
import org.panoptim.StepStatistics;

import java.util.Map;
import java.util.Optional;
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
                Map.of("all", 0.5),
                Map.of(),
                OptionalDouble.of(gradientNorm),
                OptionalDouble.of(updateNorm),
                1,
                Map.of(),
                Map.of("all", statistics),
                Optional.empty());
    }

    @Test
    void aStepIsAPoint() {
        var first = new Outcome.Moment(2, 0.2, 0.01);
        var second = new Outcome.Moment(4, 0.4, 0.02);
        var curve = new MovementCurve();
        curve.add(first, step(1, 2));
        curve.add(second, step(3, 6));
        assertThat(curve.points())
                .containsExactly(
                        new Outcome.Movement(first, 0.5, 1, 1),
                        new Outcome.Movement(second, 0.5, 3, 3));
    }

    @Test
    void aHundredStepsOfATrainingAreEnough() {
        assertThat(MovementCurve.interval(900)).isEqualTo(9);
        assertThat(MovementCurve.interval(901)).isEqualTo(10);
        assertThat(MovementCurve.interval(3)).isEqualTo(1);
    }
}
