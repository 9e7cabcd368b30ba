package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.data.Offset.offset;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;

/** After PyTorch's loop, torch/optim/_adafactor.py. */
class AdafactorTest {

    private static final double FACTOR = 0.7;
    private static final double LEAST = 0x1p-23;

    /** PyTorch's step for one tensor, in double: a stack of matrices, or a vector. */
    private static final class Loop {

        private final Adafactor rule;
        private final boolean vector;
        private final int matrices;
        private final int rows;
        private final int columns;
        private final double[] rowVar;
        private final double[] colVar;
        private final double[] variance;
        private int t;

        Loop(Adafactor rule, Shape shape) {
            this.rule = rule;
            vector = shape.dimensions().size() < 2;
            rows = (int) MatrixView.LAST_TWO.rows(shape);
            columns = (int) MatrixView.LAST_TWO.columns(shape);
            matrices = (int) shape.elements() / (rows * columns);
            rowVar = new double[matrices * rows];
            colVar = new double[matrices * columns];
            variance = new double[matrices * rows * columns];
        }

        private static double lerp(double start, double end, double weight) {
            return start + weight * (end - start);
        }

        private static double norm(double[] values) {
            double sum = 0;
            for (double value : values) {
                sum += value * value;
            }
            return Math.sqrt(sum);
        }

        private double[] estimate(double[] g, double weight) {
            var v = new double[g.length];
            if (vector) {
                for (int i = 0; i < g.length; i++) {
                    variance[i] = lerp(variance[i], g[i] * g[i], weight);
                    v[i] = variance[i];
                }
                return v;
            }
            for (int m = 0; m < matrices; m++) {
                double mean = 0;
                for (int r = m * rows; r < (m + 1) * rows; r++) {
                    double sum = 0;
                    for (int c = 0; c < columns; c++) {
                        sum += g[r * columns + c] * g[r * columns + c];
                    }
                    rowVar[r] = lerp(rowVar[r], sum / columns, weight);
                    mean += rowVar[r] / rows;
                }
                for (int c = 0; c < columns; c++) {
                    double sum = 0;
                    for (int r = m * rows; r < (m + 1) * rows; r++) {
                        sum += g[r * columns + c] * g[r * columns + c];
                    }
                    int column = m * columns + c;
                    colVar[column] = lerp(colVar[column], sum / rows, weight);
                    for (int r = m * rows; r < (m + 1) * rows; r++) {
                        v[r * columns + c] =
                                rowVar[r] * colVar[column] / Math.max(mean, rule.eps1());
                    }
                }
            }
            return v;
        }

        void step(double[] p, double[] gradient) {
            t++;
            double rate = rule.learningRate() * FACTOR;
            double root = Math.sqrt(p.length);
            double alpha = Math.max(rule.eps2(), norm(p) / root) * Math.min(rate, 1 / Math.sqrt(t));
            var g = new double[p.length];
            for (int i = 0; i < p.length; i++) {
                p[i] *= 1 - rate * rule.weightDecay();
                g[i] = rule.maximize() ? -gradient[i] : gradient[i];
            }
            var v = estimate(g, Math.pow(t, rule.beta2Decay()));
            var u = new double[p.length];
            for (int i = 0; i < p.length; i++) {
                u[i] = g[i] / Math.sqrt(Math.max(v[i], rule.eps1() * rule.eps1()));
            }
            double denominator = Math.max(1, norm(u) / (root * rule.d()));
            for (int i = 0; i < p.length; i++) {
                p[i] -= alpha / denominator * u[i];
            }
        }
    }

    private static float[] floats(Random random, long count) {
        var values = new float[(int) count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static double[] doubles(float[] values) {
        var result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }

    private static Optimizer optimizer(Backend backend, Adafactor rule, Parameter... parameters) {
        return Optimizer.builder(rule)
                .group("all", List.of(parameters))
                .schedule(Schedule.of(_ -> FACTOR))
                .backend(backend)
                .build();
    }

    private static void assertFollowed(Adafactor rule, Shape shape) {
        var random = new Random(5);
        var start = floats(random, shape.elements());
        var parameter = tensor("p", shape, start);
        var loop = new Loop(rule, shape);
        var expected = doubles(start);
        try (var backend = Backend.named("reference");
                var optimizer = optimizer(backend, rule, parameter)) {
            for (int step = 1; step <= 6; step++) {
                var gradient = floats(random, shape.elements());
                gradient(parameter, gradient);
                var before = expected.clone();
                loop.step(expected, doubles(gradient));
                optimizer.step();
                var actual = values(parameter);
                for (int i = 0; i < actual.length; i++) {
                    double moved = Math.abs(expected[i] - before[i]);
                    assertThat((double) actual[i])
                            .as("element %d of %s after step %d", i, shape, step)
                            .isCloseTo(expected[i], offset(2e-4 * moved + 1e-6));
                }
            }
            if (!loop.vector) {
                assertClose(optimizer.state("p", "row_var").toArray(), loop.rowVar);
                assertClose(optimizer.state("p", "col_var").toArray(), loop.colVar);
            } else {
                assertClose(optimizer.state("p", "variance").toArray(), loop.variance);
            }
        }
    }

    private static void assertClose(float[] actual, double[] expected) {
        assertThat(doubles(actual)).containsExactly(expected, within(1e-6));
    }

    static final List<Shape> SHAPES =
            List.of(
                    Shape.of(3, 5),
                    Shape.of(4, 1),
                    Shape.of(1, 4),
                    Shape.of(2, 3, 4),
                    Shape.of(2, 2, 3, 2),
                    Shape.of(66, 130),
                    Shape.of(7),
                    Shape.of());

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itFollowsPyTorchsLoop(boolean maximize) {
        for (var shape : SHAPES) {
            assertFollowed(new Adafactor(0.3, -0.6, LEAST, 1e-3, 1.25, 0.07, maximize), shape);
        }
    }

    /** Most means and second moments lie below. */
    @Test
    void epsilonsAreTheLeastOfWhatTheyAreFor() {
        for (var shape : SHAPES) {
            assertFollowed(new Adafactor(0.3, -0.8, 1.5, 3, 1, 0, false), shape);
        }
    }

    @Test
    void theFirstStepOfAMatrixByHand() {
        // Means of squares: rows 2.5 and 12.5, columns 5 and 10, rows together 7.5.
        var p = gradient(tensor("p", Shape.of(2, 2), 2, 2, 2, 2), 1, 2, 3, 4);
        var rule = new Adafactor(0.5, -0.8, 0, 0, Double.POSITIVE_INFINITY, 0, false);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(rule).group("all", List.of(p)).backend(backend).build()) {
            optimizer.step();
            assertThat(optimizer.state("p", "row_var").toArray()).containsExactly(2.5f, 12.5f);
            assertThat(optimizer.state("p", "row_var").shape()).isEqualTo(Shape.of(2, 1));
            assertThat(optimizer.state("p", "col_var").toArray()).containsExactly(5, 10);
            assertThat(optimizer.state("p", "col_var").shape()).isEqualTo(Shape.of(1, 2));
        }
        // The parameter's root mean square is 2, and half of that the step's length.
        double[] moments = {2.5 * 5, 2.5 * 10, 12.5 * 5, 12.5 * 10};
        for (int i = 0; i < 4; i++) {
            double u = (i + 1) / Math.sqrt(moments[i] / 7.5);
            assertThat((double) values(p)[i]).isCloseTo(2 - u, within(1e-6));
        }
    }

    @Test
    void aVectorAveragesItsOwnSquares() {
        try (var trial = new Trial(new Adafactor(0.5, -1, 0, 1, 1, 0, false), 0, 0)) {
            trial.step(2, -4);
            assertThat(trial.state("variance")).containsExactly(4, 16);
            assertThat(trial.value()).containsExactly(-0.5f, 0.5f);
            trial.step(4, 0);
            // Half of the old one and half of the new.
            assertThat(trial.state("variance")).containsExactly(10, 8);
        }
    }

    @Test
    void noStepIsLongerThanTheInverseRootOfItsNumber() {
        try (var trial = new Trial(new Adafactor(1, 0, 0, 1, 1, 0, false), 0)) {
            for (int t = 1; t <= 4; t++) {
                float before = trial.value()[0];
                trial.step(3);
                double length = Math.max(1, Math.abs(before)) / Math.sqrt(t);
                assertThat((double) trial.value()[0]).isCloseTo(before - length, within(1e-6));
            }
        }
    }

    @Test
    void parametersOfNoElementsArePassedBy() {
        for (var shape : List.of(Shape.of(0), Shape.of(3, 0), Shape.of(0, 3, 2))) {
            var p = gradient(tensor("p", shape));
            try (var backend = Backend.named("reference");
                    var optimizer = optimizer(backend, Adafactor.defaults(), p)) {
                optimizer.step();
                assertThat(values(p)).isEmpty();
            }
        }
    }

    @Test
    void aTransposedParameterIsRefused() {
        var transposed =
                Parameter.of(
                        "p",
                        Shape.of(2, 3),
                        new DimensionOrder(List.of(1, 0)),
                        new HostMemory(MemorySegment.ofArray(new float[6])));
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> new ParameterGroup("all", Adafactor.defaults(), List.of(transposed)))
                .withMessageContaining("must be contiguous");
    }

    @Test
    void statesDependOnTheNumberOfDimensions() {
        var rule = Adafactor.defaults();
        assertThat(rule.kernelName(Shape.of(2, 3))).isEqualTo("adafactor");
        assertThat(rule.kernelName(Shape.of(2))).isEqualTo("adafactor_vector");
        assertThat(rule.kernelName()).isEqualTo("adafactor_vector");
        assertThat(rule.slots()).containsExactly(new Slot("variance"));
        assertThat(rule.slots(Shape.of(2, 3)).stream().filter(Slot::isKept).map(Slot::name))
                .containsExactly("row_var", "col_var");
        assertThat(rule.reductions()).hasSize(2);
        assertThat(rule.reductions(Shape.of(2, 3))).hasSize(4);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = Adafactor.defaults();
        assertThat(rule).isEqualTo(new Adafactor(0.01, -0.8, Math.ulp(1f), 1e-3, 1, 0, false));
        assertThat(Adafactor.withLearningRate(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("adafactor");
        assertThat(rule.takesMomentum()).isFalse();
    }
}
