package org.panoptim.internal.lbfgs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/** The search on functions of one variable. */
class StrongWolfeTest {

    private static final int LIMIT = 25;

    /** A function with its derivative, which notes where it was evaluated. */
    private static final class Function implements StrongWolfe.Line {

        private final DoubleUnaryOperator value;
        private final DoubleUnaryOperator derivative;
        private final List<Double> tried = new ArrayList<>();
        private final List<List<Double>> needed = new ArrayList<>();
        private double shortest;

        Function(DoubleUnaryOperator value, DoubleUnaryOperator derivative) {
            this.value = value;
            this.derivative = derivative;
        }

        Trial trial(double t) {
            var measures = new Measures(derivative.applyAsDouble(t), 1, false);
            return new Trial(t, value.applyAsDouble(t), measures);
        }

        @Override
        public Trial at(double t, Trial... stillNeeded) {
            tried.add(t);
            needed.add(List.of(stillNeeded).stream().map(Trial::t).toList());
            return trial(t);
        }

        @Override
        public boolean isShort(double width) {
            return width < shortest;
        }

        double search(double first, int limit) {
            return new StrongWolfe(this, trial(0), limit).search(first).t();
        }
    }

    /** (t − 3)². */
    private static Function parabola() {
        return new Function(t -> (t - 3) * (t - 3), t -> 2 * (t - 3));
    }

    /** t⁴ − 2t² − t / 8: falls from 0 to a minimum near 1. */
    private static Function quartic() {
        return new Function(
                t -> t * t * t * t - 2 * t * t - t / 8, t -> 4 * t * t * t - 4 * t - 0.125);
    }

    /** |t − 1|, whose slope never falls. */
    private static Function kink() {
        return new Function(t -> Math.abs(t - 1), t -> t < 1 ? -1 : 1);
    }

    @Test
    void aFirstPointThatWillDoIsTaken() {
        var function = parabola();
        assertThat(function.search(4, LIMIT)).isEqualTo(4);
        assertThat(function.tried).containsExactly(4.0);
    }

    /** At 0.25 the slope is −5.5: more than nine tenths of the −6 at 0. */
    @Test
    void aStepThatIsTooShortIsExtendedByAtMostTenTimes() {
        var function = parabola();
        assertThat(function.search(0.25, LIMIT)).isEqualTo(2.5);
        assertThat(function.tried).containsExactly(0.25, 2.5);
    }

    /** The cubic through two points of a parabola is the parabola. */
    @Test
    void aStepThatIsTooLongIsShortenedToTheMinimumBetween() {
        var function = parabola();
        assertThat(function.search(8, LIMIT)).isEqualTo(3);
        assertThat(function.tried).containsExactly(8.0, 3.0);
        assertThat(function.needed.getLast()).containsExactly(0.0, 8.0);
    }

    /** Of −t every point is too early: each is ten times the one before. */
    @Test
    void withoutAnEndTheLastPointIsTheBest() {
        var function = new Function(t -> -t, _ -> -1);
        assertThat(function.search(1, 3)).isEqualTo(1000);
        assertThat(function.tried).containsExactly(1.0, 10.0, 100.0, 1000.0);
    }

    @Test
    void aPointThatIsNoBetterThanTheStartIsNotTakenIfNoOtherMayBeTried() {
        assertThat(parabola().search(8, 0)).isZero();
        assertThat(parabola().search(2, 0)).isEqualTo(2);
    }

    /** Recorded from {@code _strong_wolfe} of PyTorch 2.13, in float64. */
    @Test
    void thePointsTriedAreThoseOfPyTorch() {
        check(quartic(), 1.25, LIMIT, 0, 1.25, 0.9672313141874119, 1.0157774571108233);
        var common = new double[] {3, 0.8786796564403572, 1.2052541844564146, 0.986325960556494};
        var found =
                check(
                        kink(),
                        3,
                        LIMIT,
                        1e-3,
                        common[0],
                        common[1],
                        common[2],
                        common[3],
                        1.0203500766493205,
                        0.9987027162654587,
                        1.002051687520091,
                        0.9998644523969874,
                        1.0002040771169975);
        assertThat(found).isCloseTo(0.9998644523969874, within(1e-12));
        found =
                check(
                        kink(),
                        3,
                        4,
                        1e-3,
                        common[0],
                        common[1],
                        common[2],
                        common[3],
                        1.0203500766493205);
        assertThat(found).isCloseTo(common[3], within(1e-12));
        var jump = new Function(t -> t == 0 ? 0 : 1, _ -> -1);
        found =
                check(
                        jump,
                        1,
                        LIMIT,
                        1e-6,
                        1,
                        0.09175170953613698,
                        0.009175170953613698,
                        1.3924195307374668e-05,
                        1.3924195307374668e-06,
                        3.2313831667564854e-13);
        assertThat(found).isZero();
    }

    private static double check(
            Function function, double first, int limit, double shortest, double... tried) {
        function.shortest = shortest;
        double found = function.search(first, limit);
        assertThat(function.tried).hasSize(tried.length);
        for (int i = 0; i < tried.length; i++) {
            assertThat(function.tried.get(i))
                    .as("%d", i)
                    .isCloseTo(tried[i], withinPercentage(1e-10));
        }
        return found;
    }
}
