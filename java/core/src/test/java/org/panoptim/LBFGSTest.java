package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.LBFGS.LineSearch;
import org.panoptim.backend.Backend;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Steps worked out by hand, and minima that must be found. */
class LBFGSTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    /** Of which evaluations are no limit. */
    private LBFGS.Builder builder(Parameter... parameters) {
        return LBFGS.builder(List.of(parameters)).maxEvaluations(10_000).backend(backend);
    }

    /** A closure of half the sum of c x², with its gradient. */
    private static LBFGS.Closure parabola(Parameter parameter, float... c) {
        return () -> {
            var x = values(parameter);
            var g = new float[x.length];
            double loss = 0;
            for (int i = 0; i < x.length; i++) {
                g[i] = c[i] * x[i];
                loss += 0.5 * c[i] * x[i] * x[i];
            }
            gradient(parameter, g);
            return loss;
        };
    }

    /** The first step is as long as the share 1 / Σ|g| of −g: here to the minimum. */
    @Test
    void oneElementGoesToItsMinimum() {
        var x = vector("x", 1);
        try (var optimizer = builder(x).build()) {
            assertThat(optimizer.step(parabola(x, 4))).isEqualTo(2);
            assertThat(values(x)).containsExactly(0);
            assertThat(optimizer.iterations()).isEqualTo(1);
            assertThat(optimizer.evaluations()).isEqualTo(2);
            // The gradient is zero now, so that one look is enough.
            assertThat(optimizer.step(parabola(x, 4))).isZero();
            assertThat(optimizer.iterations()).isEqualTo(1);
            assertThat(optimizer.evaluations()).isEqualTo(3);
        }
    }

    /**
     * Of (x² + 4 y²) / 2 from (1, 1): g = (1, 4), t = 1/5, so s = (−.2, −.8), and to (.8, .2),
     * where g = (.8, .8). Then y = (−.2, −3.2), y s = 2.6, y y = 10.28; al = .8 / 2.6, and −g − al
     * y = (−.7384615, .1846154), times 2.6 / 10.28 = (−.1867704, .0466926); be = −.0431010, and
     * with (al − be) s the direction is (−.2569290, −.2339420).
     */
    @Test
    void theSecondIterationGoesByTheHistory() {
        var x = vector("x", 1, 1);
        try (var optimizer = builder(x).maxIterations(2).build()) {
            optimizer.step(parabola(x, 1, 4));
            assertThat(values(x)[0]).isCloseTo(0.8f - 0.2569290f, within(1e-6f));
            assertThat(values(x)[1]).isCloseTo(0.2f - 0.2339420f, within(1e-6f));
        }
    }

    /** Two steps of one iteration are one of two: the history is the optimizer's. */
    @Test
    void theHistoryGoesOnFromStepToStep() {
        var x = vector("x", 1, 1);
        try (var optimizer = builder(x).maxIterations(1).build()) {
            optimizer.step(parabola(x, 1, 4));
            assertThat(values(x)[0]).isCloseTo(0.8f, within(1e-7f));
            // The last iteration of a step without a line search does not look where it came to.
            assertThat(optimizer.evaluations()).isEqualTo(1);
            optimizer.step(parabola(x, 1, 4));
            assertThat(values(x)[0]).isCloseTo(0.8f - 0.2569290f, within(1e-6f));
            assertThat(values(x)[1]).isCloseTo(0.2f - 0.2339420f, within(1e-6f));
        }
    }

    /**
     * Of −x²/2 from 1/2: t = 1, so to 1, with y s = −1/4, which is no curvature to remember: the
     * direction stays that of −g, to 2, and to 4.
     */
    @Test
    void negativeCurvatureIsNotRemembered() {
        var x = vector("x", 0.5f);
        try (var optimizer = builder(x).maxIterations(3).build()) {
            optimizer.step(parabola(x, -1));
            assertThat(values(x)).containsExactly(4);
        }
    }

    /** By default, 5/4 of the iterations: of 2 iterations the second is not taken. */
    @Test
    void evaluationsAreLimitedByTheIterations() {
        assertThat(iterationsOfAtMost(2)).isEqualTo(1);
        assertThat(iterationsOfAtMost(3)).isEqualTo(2);
        assertThat(iterationsOfAtMost(4)).isEqualTo(4);
    }

    private long iterationsOfAtMost(int limit) {
        var x = vector("x", 1, 1);
        try (var optimizer =
                LBFGS.builder(List.of(x)).maxIterations(limit).backend(backend).build()) {
            optimizer.step(parabola(x, 1, 4));
            return optimizer.iterations();
        }
    }

    /** −x: the slope is the same everywhere, and each step ten times longer than before. */
    @Test
    void aLineSearchEndsWithTheEvaluations() {
        var x = vector("x", 0);
        try (var optimizer =
                builder(x).lineSearch(LineSearch.STRONG_WOLFE).maxEvaluations(3).build()) {
            optimizer.step(
                    () -> {
                        gradient(x, -1);
                        return -values(x)[0];
                    });
            assertThat(values(x)).containsExactly(100);
            assertThat(optimizer.evaluations()).isEqualTo(4);
            assertThat(optimizer.iterations()).isEqualTo(1);
        }
    }

    private static double rosenbrock(Parameter a, Parameter b) {
        double x = values(a)[0];
        double y = values(b)[0];
        double valley = y - x * x;
        gradient(a, (float) (-2 * (1 - x) - 400 * x * valley));
        gradient(b, (float) (200 * valley));
        return (1 - x) * (1 - x) + 100 * valley * valley;
    }

    /** The bound is of float32: where the loss is 1e-12 or less, a − 1 is 1e-6 at most. */
    @Test
    void rosenbrocksValleyIsFollowedToItsEnd() {
        var a = vector("a", -1.25f);
        var b = vector("b", 1);
        try (var optimizer =
                builder(a, b).lineSearch(LineSearch.STRONG_WOLFE).maxIterations(100).build()) {
            optimizer.step(() -> rosenbrock(a, b));
            assertThat(rosenbrock(a, b)).isLessThan(1e-9);
            assertThat(values(a)[0]).isCloseTo(1, within(1e-4f));
            assertThat(values(b)[0]).isCloseTo(1, within(1e-4f));
            assertThat(optimizer.iterations()).isLessThan(60);
        }
    }

    /** A history of one pair is the memoryless method, which takes longer. */
    @Test
    void aLongerHistoryNeedsFewerIterations() {
        assertThat(iterations(20)).isLessThan(iterations(1));
    }

    private long iterations(int historySize) {
        var x = vector("x", 1, 1, 1, 1, 1, 1);
        try (var optimizer =
                builder(x)
                        .historySize(historySize)
                        .maxIterations(1000)
                        .toleranceGradient(1e-3)
                        .lineSearch(LineSearch.STRONG_WOLFE)
                        .build()) {
            optimizer.step(parabola(x, 1, 3, 10, 30, 100, 300));
            for (float g : gradientValues(x)) {
                assertThat(g).isBetween(-1e-3f, 1e-3f);
            }
            return optimizer.iterations();
        }
    }

    @Test
    void whatHasNoGradientStaysWhereItIs() {
        var x = vector("x", 1);
        var unused = vector("unused", -0.0f, 7);
        var empty = Parameter.of("empty", Shape.of(0), MemorySegment.ofArray(new float[0]));
        try (var optimizer = builder(unused, x, empty).build()) {
            optimizer.step(parabola(x, 3));
            assertThat(values(x)[0]).isCloseTo(0, within(1e-6f));
            assertThat(values(unused)).containsExactly(-0.0f, 7);
        }
    }

    /** As if it were zero there: the change of the gradient says so, too. */
    @Test
    void aGradientThatComesAndGoesIsZeroMeanwhile() {
        assertThat(withGaps(true)).containsExactly(withGaps(false));
    }

    private float[] withGaps(boolean absent) {
        var x = vector("x", 1, 2);
        var y = vector("y", 3);
        int[] calls = {0};
        try (var optimizer = builder(x, y).maxIterations(6).build()) {
            optimizer.step(
                    () -> {
                        double loss = parabola(x, 1, 5).evaluate();
                        if (calls[0]++ % 2 == 0) {
                            return loss + parabola(y, 2).evaluate();
                        }
                        if (absent) {
                            y.clearGradient();
                        } else {
                            gradient(y, 0);
                        }
                        return loss;
                    });
        }
        return new float[] {values(x)[0], values(x)[1], values(y)[0]};
    }

    @Test
    void withoutAnyGradientNothingIsDone() {
        var x = vector("x", 1);
        try (var optimizer = builder(x).build()) {
            assertThat(optimizer.step(() -> 5)).isEqualTo(5);
            assertThat(values(x)).containsExactly(1);
            assertThat(optimizer.iterations()).isZero();
        }
    }

    @Test
    void gradientsAreReadAndNeverWritten() {
        var x = vector("x", 1, 1);
        var seen = new ArrayList<float[]>();
        try (var optimizer =
                builder(x).lineSearch(LineSearch.STRONG_WOLFE).maxIterations(5).build()) {
            optimizer.step(
                    () -> {
                        double loss = parabola(x, 1, 400).evaluate();
                        seen.add(gradientValues(x));
                        return loss;
                    });
        }
        assertThat(gradientValues(x)).containsExactly(seen.getLast());
    }

    @Test
    void copiesFollowTheParameters() {
        var copy = new short[2];
        var x =
                vector("x", 1, 1)
                        .copiedTo(
                                new Output(
                                        DType.BF16, new HostMemory(MemorySegment.ofArray(copy))));
        try (var optimizer = builder(x).maxIterations(2).build()) {
            optimizer.step(
                    () -> {
                        double loss = parabola(x, 1, 4).evaluate();
                        if (copy[0] != 0) {
                            assertThat(values(x)[0]).isCloseTo(first(copy), within(0x1p-8f));
                        }
                        return loss;
                    });
        }
        assertThat(first(copy)).isCloseTo(0.543071f, within(0x1p-9f));
    }

    private static float first(short[] narrow) {
        return new FloatView(MemorySegment.ofArray(narrow), DType.BF16).get(0);
    }

    /** The first iteration moves by .2 and .8, and the largest of them decides. */
    @Test
    void anIterationThatMovesNothingByMoreThanTheToleranceIsTheLast() {
        assertThat(iterationsWithin(0.2f * 4)).isEqualTo(1);
        assertThat(iterationsWithin(Math.nextDown(0.2f * 4))).isEqualTo(2);
    }

    private long iterationsWithin(double toleranceChange) {
        var x = vector("x", 1, 1);
        try (var optimizer = builder(x).toleranceChange(toleranceChange).build()) {
            optimizer.step(parabola(x, 1, 4));
            return optimizer.iterations();
        }
    }

    /**
     * |x − 1|: the slope never falls, so the search ends with the best point of a short bracket.
     */
    @Test
    void theNextIterationGoesByTheGradientOfThePointThatWasChosen() {
        var x = vector("x", 0);
        var points = new ArrayList<Float>();
        try (var optimizer =
                builder(x)
                        .lineSearch(LineSearch.STRONG_WOLFE)
                        .learningRate(3)
                        .toleranceChange(1e-3)
                        .maxIterations(2)
                        .build()) {
            optimizer.step(
                    () -> {
                        float p = values(x)[0];
                        points.add(p);
                        gradient(x, p < 1 ? -1 : 1);
                        return Math.abs(p - 1.0);
                    });
        }
        // As StrongWolfeTest has it: the ninth point is tried in vain, and the eighth chosen.
        assertThat(points.get(8)).isCloseTo(0.99986446f, within(1e-5f));
        assertThat(points.get(9)).isCloseTo(1.00020408f, within(1e-5f));
        // The gradient has not changed, so there is no curvature, and −g leads away from 0.
        assertThat(points.get(10)).isEqualTo(points.get(8) + 3);
    }

    /** Neither the mean of the elements' sizes, nor their sum. */
    @Test
    void theLargestElementDecides() {
        var x = vector("x", 1, 1);
        try (var optimizer = builder(x).toleranceGradient(0.8125).build()) {
            optimizer.step(parabola(x, 1, 4));
            // At (.8, .2) the gradient is (.8, .8).
            assertThat(optimizer.iterations()).isEqualTo(1);
        }
        var y = vector("y", 1, 1);
        try (var optimizer = builder(y).toleranceGradient(0.75).maxIterations(2).build()) {
            optimizer.step(parabola(y, 1, 4));
            assertThat(optimizer.iterations()).isEqualTo(2);
        }
    }
}
