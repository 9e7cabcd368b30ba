package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.LBFGS.LineSearch;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.NonFiniteLossException;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** What L-BFGS does with what it cannot use. */
class LBFGSFailureTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    /** Of which evaluations are no limit. */
    private LBFGS.Builder builder(Parameter... parameters) {
        return LBFGS.builder(List.of(parameters)).maxEvaluations(100).backend(backend);
    }

    /** A parabola whose evaluations can be told what to do. */
    private static final class Model implements LBFGS.Closure {

        private final Parameter x = vector("x", 1, 1, 1);
        private final List<float[]> points = new ArrayList<>();
        private int failsAt;
        private Runnable failure = () -> {};
        private double failedLoss = Double.NaN;

        void failAt(int evaluation, Runnable how) {
            failsAt = evaluation;
            failure = how;
        }

        @Override
        public double evaluate() {
            var p = values(x);
            points.add(p);
            gradient(x, p[0], 9 * p[1], 81 * p[2]);
            if (points.size() == failsAt) {
                failure.run();
                return failedLoss;
            }
            return (p[0] * p[0] + 9 * p[1] * p[1] + 81 * p[2] * p[2]) / 2;
        }
    }

    private static void refuse() {
        throw new IllegalArgumentException("no batch");
    }

    /** What a run without failures comes to from where an iteration begins. */
    private float[] beginningOf(LineSearch search, int iteration) {
        var model = new Model();
        try (var optimizer =
                builder(model.x).lineSearch(search).maxIterations(iteration - 1).build()) {
            optimizer.step(model);
        }
        return values(model.x);
    }

    @ParameterizedTest
    @EnumSource(LineSearch.class)
    void aClosureThatThrowsAtOnceLeavesEverythingAsItWas(LineSearch search) {
        var model = new Model();
        model.failAt(1, LBFGSFailureTest::refuse);
        try (var optimizer = builder(model.x).lineSearch(search).maxIterations(3).build()) {
            assertThatThrownBy(() -> optimizer.step(model))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("no batch");
            assertThat(values(model.x)).containsExactly(1, 1, 1);
            assertThat(optimizer.iterations()).isZero();
            optimizer.step(model);
            assertThat(values(model.x)).containsExactly(beginningOf(search, 4));
        }
    }

    /** With a line search, the second iteration evaluates twice, at 4 and 5. */
    @ParameterizedTest
    @EnumSource(LineSearch.class)
    void aClosureThatThrowsLaterTakesTheIterationBack(LineSearch search) {
        var model = new Model();
        model.failAt(3, LBFGSFailureTest::refuse);
        try (var optimizer = builder(model.x).lineSearch(search).maxIterations(6).build()) {
            assertThatThrownBy(() -> optimizer.step(model)).hasMessage("no batch");
            assertThat(optimizer.iterations()).isEqualTo(1);
            assertThat(values(model.x)).containsExactly(beginningOf(search, 2));
            // The history is kept, and so the rest comes as without the failure.
            optimizer.step(model);
            assertThat(model.points.get(3)).containsExactly(model.points.get(1));
            assertThat(model.points.get(4)).containsExactly(model.points.get(2));
        }
    }

    @ParameterizedTest
    @EnumSource(LineSearch.class)
    void aFailureInTheFirstIterationLeavesItTheFirst(LineSearch search) {
        var model = new Model();
        model.failAt(2, LBFGSFailureTest::refuse);
        try (var optimizer = builder(model.x).lineSearch(search).maxIterations(3).build()) {
            assertThatThrownBy(() -> optimizer.step(model)).hasMessage("no batch");
            assertThat(optimizer.iterations()).isZero();
            assertThat(values(model.x)).containsExactly(1, 1, 1);
            optimizer.step(model);
            assertThat(values(model.x)).containsExactly(beginningOf(search, 4));
        }
    }

    @ParameterizedTest
    @EnumSource(LineSearch.class)
    void aLossThatIsNotFiniteEndsTheStepWhereItsIterationBegan(LineSearch search) {
        var model = new Model();
        model.failAt(3, () -> {});
        try (var optimizer = builder(model.x).lineSearch(search).maxIterations(6).build()) {
            assertThatThrownBy(() -> optimizer.step(model))
                    .isInstanceOf(NonFiniteLossException.class)
                    .hasMessage(
                            "the loss is NaN, 1.0 times the direction from where iteration 2"
                                    + " begins; the parameters are back there");
            assertThat(values(model.x)).containsExactly(beginningOf(search, 2));
            assertThat(optimizer.evaluations()).isEqualTo(3);
        }
    }

    @Test
    void aGradientThatIsNotFiniteIsNotFollowed() {
        var model = new Model();
        model.failedLoss = 3;
        model.failAt(1, () -> gradient(model.x, 1, Float.NEGATIVE_INFINITY, 1));
        try (var optimizer = builder(model.x).build()) {
            assertThatThrownBy(() -> optimizer.step(model))
                    .isInstanceOf(NonFiniteLossException.class)
                    .hasMessage(
                            "a gradient or the direction is infinite or NaN where the loss is 3.0,"
                                    + " at the beginning of iteration 1");
            assertThat(values(model.x)).containsExactly(1, 1, 1);
        }
    }

    /** With a curvature of 2⁻²⁰ remembered, a gradient of 3e38 asks for more than float32 has. */
    @Test
    void aDirectionThatOverflowsIsNotFollowed() {
        var x = vector("x", 0);
        float[] gradients = {1, 1 - 0x1p-20f, 3e38f};
        int[] calls = {0};
        try (var optimizer = builder(x).maxIterations(3).learningRate(1).build()) {
            assertThatThrownBy(
                            () ->
                                    optimizer.step(
                                            () -> {
                                                gradient(x, gradients[calls[0]++]);
                                                return -calls[0];
                                            }))
                    .isInstanceOf(NonFiniteLossException.class);
            assertThat(values(x)[0]).isFinite();
        }
    }

    @Test
    void theClosureCannotCallTheOptimizer() {
        var x = vector("x", 1);
        try (var optimizer = builder(x).build()) {
            assertThatThrownBy(() -> optimizer.step(() -> optimizer.iterations()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("from within one of its own calls");
        }
    }

    @Test
    void aClosedOptimizerSaysSo() {
        var x = vector("x", 1);
        var optimizer = builder(x).build();
        assertThatThrownBy(backend::close).isInstanceOf(IllegalStateException.class);
        optimizer.close();
        optimizer.close();
        assertThatThrownBy(() -> optimizer.step(() -> 0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the optimizer is closed");
    }

    @Test
    void anArenaThatIsClosedIsNamed() {
        try (var arena = Arena.ofConfined()) {
            var model = new Model();
            var gradients = Arena.ofConfined();
            var g = gradients.allocate(ValueLayout.JAVA_FLOAT, 2);
            var p =
                    Parameter.of("p", Shape.of(2), arena.allocate(ValueLayout.JAVA_FLOAT, 2))
                            .gradient(g);
            try (var optimizer = builder(model.x, p).build()) {
                assertThatThrownBy(
                                () ->
                                        optimizer.step(
                                                () -> {
                                                    gradients.close();
                                                    return model.evaluate();
                                                }))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage(
                                "parameter 'p': the arena of its gradient is closed; set another"
                                        + " one, or take it away with clearGradient()");
            }
        }
    }

    @Test
    void parametersComeBackThoughTheArenaOfAGradientIsClosed() {
        var model = new Model();
        model.failAt(
                2,
                () -> {
                    try (var arena = Arena.ofConfined()) {
                        model.x.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1, 1));
                    }
                });
        try (var optimizer = builder(model.x).build()) {
            assertThatThrownBy(() -> optimizer.step(model))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the arena of its gradient is closed")
                    .hasNoSuppressedExceptions();
            assertThat(model.points.get(1)).isNotEqualTo(model.points.get(0));
            assertThat(values(model.x)).isEqualTo(model.points.get(0));
        }
    }

    @Test
    void parametersThatCannotBeUsedAreRefused() {
        var x = vector("x", 1);
        refused("LBFGS: there is no parameter");
        refused("two parameters are named 'x'", x, vector("x", 2));
        var memory = MemorySegment.ofArray(new float[3]);
        refused(
                "the value of parameter 'a' and the value of parameter 'b' overlap",
                Parameter.of("a", Shape.of(2), memory.asSlice(0, 8)),
                Parameter.of("b", Shape.of(2), memory.asSlice(4, 8)));
        refused(
                "LBFGS: parameter 'n' is BF16, and only F32 is taken",
                Parameter.of("n", Shape.of(1), DType.BF16, MemorySegment.ofArray(new short[1])));
        refused(
                "LBFGS: parameter 'x' has a moving average, which nothing moves",
                x.averagedIn(
                        new Output(
                                DType.F32, new HostMemory(MemorySegment.ofArray(new float[1])))));
    }

    private void refused(String message, Parameter... parameters) {
        assertThatThrownBy(() -> builder(parameters).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        outOfRange(
                "learningRate must be finite and at least 0, but is -1.0", b -> b.learningRate(-1));
        outOfRange(
                "learningRate must be finite and at least 0, but is 1.0E39",
                b -> b.learningRate(1e39));
        outOfRange("maxIterations must be at least 1, but is 0", b -> b.maxIterations(0));
        outOfRange("maxEvaluations must be at least 1, but is 0", b -> b.maxEvaluations(0));
        outOfRange(
                "toleranceGradient must be finite and at least 0, but is NaN",
                b -> b.toleranceGradient(Double.NaN));
        outOfRange(
                "toleranceChange must be finite and at least 0, but is Infinity",
                b -> b.toleranceChange(Double.POSITIVE_INFINITY));
        outOfRange("historySize must be at least 1, but is 0", b -> b.historySize(0));
    }

    private void outOfRange(String message, UnaryOperator<LBFGS.Builder> change) {
        assertThatThrownBy(() -> change.apply(builder(vector("x", 1))).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("LBFGS: " + message);
    }
}
