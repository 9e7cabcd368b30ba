package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.StepReport;
import org.panoptim.StepStatistics;

import java.util.Map;
import java.util.OptionalDouble;

/** Means of what steps did. */
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
    void aPointIsTheMeanOfAHundredthOfTheSteps() {
        var curve = new MovementCurve(200, 10);
        curve.add(step(1, 2));
        curve.add(step(3, 6));
        curve.add(step(5, 4));
        assertThat(curve.points())
                .containsExactly(new Outcome.Movement(0.2, 2, 2), new Outcome.Movement(0.3, 5, 2));
    }

    @Test
    void ofFewStepsEachIsAPoint() {
        var curve = new MovementCurve(2, 1);
        curve.add(step(1, 2));
        curve.add(step(3, 6));
        assertThat(curve.points())
                .containsExactly(new Outcome.Movement(1, 1, 1), new Outcome.Movement(2, 3, 3));
    }

    @Test
    void noStepsAreNoPoints() {
        assertThat(new MovementCurve(10, 1).points()).isEmpty();
    }
}
