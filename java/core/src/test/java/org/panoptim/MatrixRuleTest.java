package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixAlgebra;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixUpdate;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Setting;
import org.panoptim.rule.Slot;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Rules that work on whole matrices. */
class MatrixRuleTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    /** Moves by (G·Gᵀ)·G and keeps the last such product in a state. */
    public record Cubic(@Setting("lr") double learningRate, boolean maximize)
            implements MatrixRule {

        @Override
        public String name() {
            return "cubic";
        }

        @Override
        public Cubic atLearningRate(double value) {
            return new Cubic(value, maximize);
        }

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("last"), new Slot("steps"));
        }

        @Override
        public void update(MatrixUpdate update) {
            int rows = Math.toIntExact(update.shape().dimensions().getFirst());
            int columns = Math.toIntExact(update.shape().dimensions().getLast());
            var gradient = update.gradient();
            var gram = new float[rows * rows];
            update.algebra()
                    .multiply(rows, rows, columns, 1, gradient, false, gradient, true, 0, gram);
            update.algebra()
                    .multiply(
                            rows,
                            columns,
                            rows,
                            1,
                            gram,
                            false,
                            gradient,
                            false,
                            0,
                            update.state(0));
            float rate = (float) update.preparation().rate(learningRate);
            for (int i = 0; i < gradient.length; i++) {
                update.parameter()[i] -= rate * update.state(0)[i];
                update.state(1)[i] = update.preparation().count();
            }
        }
    }

    @Test
    void aMatrixIsUpdatedWithItsStatesAndTheStep() {
        var p = tensor("p", Shape.of(2, 3), 1, 1, 1, 1, 1, 1);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, false))
                        .group("all", List.of(p))
                        .schedule(Schedule.of(step -> 1.0 / step))
                        .lossScale(LossScale.fixed(2))
                        .statistics(true)
                        .zeroGradients(true)
                        .backend(backend)
                        .build()) {
            // G = [1 0 2; 0 1 −1]; G·Gᵀ = [5 −2; −2 2]; times G: [5 −2 12; −2 2 −6].
            gradient(p, 2, 0, 4, 0, 2, -2);
            optimizer.step();
            assertThat(optimizer.state("p", "last").toArray())
                    .containsExactly(5, -2, 12, -2, 2, -6);
            assertThat(optimizer.state("p", "steps").toArray()).containsOnly(1);
            assertThat(values(p)).containsExactly(-4, 3, -11, 3, -1, 7);
            assertThat(gradientValues(p)).containsOnly(0);
            assertThat(optimizer.report().updateNorm())
                    .hasValue(Math.sqrt(25 + 4 + 144 + 4 + 4 + 36));
            gradient(p, 2, 0, 4, 0, 2, -2);
            optimizer.step(); // half of it
            assertThat(values(p)).containsExactly(-6.5f, 4, -17, 4, -2, 10);
            assertThat(optimizer.state("p", "steps").toArray()).containsOnly(2);
        }
    }

    @Test
    void itClimbsAndIsClippedAsOtherRulesAre() {
        var p = tensor("p", Shape.of(1, 1), 0);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, true))
                        .group("all", List.of(p))
                        .clipGlobalNorm(1)
                        .backend(backend)
                        .build()) {
            gradient(p, 2);
            optimizer.step();
            float g = -(2 * (float) (1 / (2 + 1e-6)));
            assertThat(values(p)).containsExactly(-(g * g * g));
        }
    }

    @Test
    void itStandsBesidePhasedRulesAndMayBeAbsentFrozenOrRefused() {
        var matrix = tensor("matrix", Shape.of(1, 2), 1, 1);
        var vector = vector("vector", 1, 1);
        try (var optimizer =
                Optimizer.builder(new Cubic(1, false))
                        .group("matrices", List.of(matrix))
                        .group("vectors", List.of(vector), SGD.withLearningRate(1))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            gradient(vector, 1, 1);
            optimizer.step();
            assertThat(values(matrix)).containsExactly(1, 1);
            gradient(matrix, Float.NaN, 1);
            optimizer.step();
            assertThat(optimizer.report().skipped()).isEqualTo(1);
            assertThat(optimizer.state("matrix", "steps").toArray()).containsExactly(0, 0);
            gradient(matrix, 1, 0);
            optimizer.freeze("matrices");
            optimizer.step();
            assertThat(values(matrix)).containsExactly(1, 1);
            optimizer.unfreeze("matrices");
            optimizer.step();
            assertThat(values(matrix)).containsExactly(0, 1);
            assertThat(values(vector)).containsExactly(-2, -2);
            assertThat(optimizer.report().updateNorm()).hasValue(Math.sqrt(3));
        }
    }

    /** Keeps what it was handed. */
    public record Finder(double learningRate) implements MatrixRule {

        private static final List<MatrixAlgebra> FOUND = new ArrayList<>();

        @Override
        public String name() {
            return "finder";
        }

        @Override
        public Finder atLearningRate(double value) {
            return new Finder(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public void update(MatrixUpdate update) {
            FOUND.add(update.algebra());
        }
    }

    private static MatrixAlgebra algebra() {
        var p = vector("p", 1);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(new Finder(1))
                                .group("all", List.of(p))
                                .backend(backend)
                                .build()) {
            gradient(p, 1);
            optimizer.step();
        }
        return Finder.FOUND.removeLast();
    }

    @Test
    void productsTransposeAndScaleAndAdd() {
        int rows = 3;
        int columns = 2;
        int inner = 4;
        var random = new Random(3);
        for (boolean transposeA : new boolean[] {false, true}) {
            for (boolean transposeB : new boolean[] {false, true}) {
                var a = wholes(random, rows * inner);
                var b = wholes(random, inner * columns);
                var c = wholes(random, rows * columns);
                var expected = new float[rows * columns];
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < columns; j++) {
                        float sum = 0;
                        for (int k = 0; k < inner; k++) {
                            sum +=
                                    a[transposeA ? k * rows + i : i * inner + k]
                                            * b[transposeB ? j * inner + k : k * columns + j];
                        }
                        expected[i * columns + j] = 2 * sum + 0.5f * c[i * columns + j];
                    }
                }
                algebra().multiply(rows, columns, inner, 2, a, transposeA, b, transposeB, 0.5f, c);
                assertThat(c).containsExactly(expected);
            }
        }
    }

    @Test
    void aBetaOfZeroDoesNotReadWhatWasThere() {
        var c = new float[] {Float.NaN};
        algebra().multiply(1, 1, 1, 1, new float[] {2}, false, new float[] {3}, false, 0, c);
        assertThat(c).containsExactly(6);
    }

    @Test
    void anArrayThatIsTooShortIsNamed() {
        var algebra = algebra();
        assertShort("matrix a of 2 by 3 needs 6 elements, but has 5", algebra, 5, 12, 8);
        assertShort("matrix b of 3 by 4 needs 12 elements, but has 11", algebra, 6, 11, 8);
        assertShort("matrix c of 2 by 4 needs 8 elements, but has 7", algebra, 6, 12, 7);
    }

    private static void assertShort(String message, MatrixAlgebra algebra, int a, int b, int c) {
        assertThatThrownBy(
                        () ->
                                algebra.multiply(
                                        2,
                                        4,
                                        3,
                                        1,
                                        new float[a],
                                        false,
                                        new float[b],
                                        false,
                                        0,
                                        new float[c]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    private static float[] wholes(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(-8, 9);
        }
        return values;
    }

    @Test
    void aParameterThatLiesTransposedIsRefused() {
        var transposed =
                Parameter.of(
                        "w",
                        Shape.of(2, 2),
                        new DimensionOrder(List.of(1, 0)),
                        tensor("memory", Shape.of(2, 2), 1, 2, 3, 4).value());
        assertThatThrownBy(
                        () -> new ParameterGroup("all", new Cubic(0.1, false), List.of(transposed)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "group 'all': rule cubic works on matrices, so parameter 'w' must be"
                                + " contiguous, but its dimensions lie in memory in the order [1,"
                                + " 0]");
        // A rule that works element by element takes it.
        new ParameterGroup("all", SGD.defaults(), List.of(transposed));
    }

    /** Counts its steps in a state of the tensor as a whole. */
    public record Counting(double learningRate) implements MatrixRule {

        @Override
        public String name() {
            return "counting";
        }

        @Override
        public Counting atLearningRate(double value) {
            return new Counting(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("last"), new Slot("mu", Slot.Extent.TENSOR).startingAt(1));
        }

        @Override
        public void update(MatrixUpdate update) {
            var preparation = update.preparation();
            preparation.state(1, preparation.state(1) / 2);
            update.state(0)[0] += 1;
        }
    }

    @Test
    void statesOfTheTensorAsAWholeAreKept() {
        var p = gradient(tensor("p", Shape.of(1, 2), 1, 2), 1, 1);
        try (var optimizer =
                Optimizer.builder(new Counting(1))
                        .group("all", List.of(p))
                        .backend(backend)
                        .build()) {
            optimizer.step();
            optimizer.step();
            optimizer.step();

            assertThat(optimizer.state("p", "mu").value()).isEqualTo(0.125);
            assertThat(optimizer.state("p", "last").toArray()).containsExactly(3, 0);
        }
    }
}
