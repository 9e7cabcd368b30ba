package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What a rule on matrices may ask of an engine, over plain Java. */
class HostMatrixEngineTest {

    private final MatrixEngine engine = new HostMatrixEngine(new PlainHostAlgebra());

    private static HostBatch batch(int rows, int columns, float[]... matrices) {
        var segments = Stream.of(matrices).map(MemorySegment::ofArray).toList();
        return new HostBatch(new MatrixSize(rows, columns), segments, true);
    }

    /** Has products alone, and numbers their elements: no rounding is so uneven. */
    private static HostAlgebra numbering() {
        return (HostAlgebra)
                Proxy.newProxyInstance(
                        HostAlgebra.class.getClassLoader(),
                        new Class<?>[] {HostAlgebra.class},
                        (_, method, arguments) -> {
                            assertThat(method.getName()).isEqualTo("multiply");
                            var product = (MemorySegment) arguments[arguments.length - 1];
                            for (long i = 0; i < product.byteSize() / Float.BYTES; i++) {
                                Floats.set(product, i, i);
                            }
                            return null;
                        });
    }

    private static HostBatch empty(int rows, int columns) {
        return batch(rows, columns, new float[rows * columns]);
    }

    private static float[] values(HostBatch batch, int matrix) {
        return batch.segments().get(matrix).toArray(ValueLayout.JAVA_FLOAT);
    }

    private static void assertRefused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void aRankUpdateAddsAProductWithItsTranspose() {
        var a = batch(2, 3, new float[] {1, 2, 3, 4, 5, 6}, new float[] {1, 0, 0, 0, 0, 2});
        var c = batch(2, 2, new float[] {1, 2, 2, 1}, new float[] {0, 0, 0, 0});
        engine.rankUpdate(2, a, false, 10, c);
        assertThat(values(c, 0)).containsExactly(28 + 10, 64 + 20, 64 + 20, 154 + 10);
        assertThat(values(c, 1)).containsExactly(2, 0, 0, 8);
    }

    @Test
    void aRankUpdateOfATransposeIsOfTheOtherSide() {
        var a = batch(2, 3, new float[] {1, 2, 3, 4, 5, 6});
        var c = batch(3, 3, new float[] {Float.NaN, 0, 0, 0, 0, 0, 0, 0, 0});
        engine.rankUpdate(1, a, true, 0, c);
        assertThat(values(c, 0)).containsExactly(17, 22, 27, 22, 29, 36, 27, 36, 45);
    }

    @Test
    void aRankUpdateIsSymmetricHoweverItsProductIsRounded() {
        var c = batch(3, 3, new float[9], new float[9]);
        var a = batch(3, 1, new float[3], new float[3]);
        new HostMatrixEngine(numbering()).rankUpdate(1, a, false, 0, c);
        for (int i = 0; i < 2; i++) {
            assertThat(values(c, i)).containsExactly(0, 3, 6, 3, 4, 7, 6, 7, 8);
        }
    }

    @Test
    void aFactorisationReadsTheLowerTriangleAndLeavesZerosAbove() {
        var a = batch(2, 2, new float[] {3, Float.NaN, 2, 5}, new float[] {8, 0, 0, 0});
        var factor = batch(2, 2, new float[] {9, 9, 9, 9}, new float[] {9, 9, 9, 9});
        engine.factorise(a, 1, factor);
        assertThat(values(factor, 0)).containsExactly(2, 0, 1, (float) Math.sqrt(5));
        assertThat(values(factor, 1)).containsExactly(3, 0, 0, 1);
    }

    @Test
    void anInverseIsThatOfTheDampedMatrix() {
        var a = batch(2, 2, new float[] {1, 1, 1, 4}, new float[] {0, 0, 0, 0});
        var inverse = batch(2, 2, new float[4], new float[4]);
        engine.invert(a, 1, batch(2, 2, new float[4], new float[4]), inverse);
        // Of 2 1 / 1 5, whose determinant is 9.
        var expected = new float[] {5 / 9f, -1 / 9f, -1 / 9f, 2 / 9f};
        assertThat(values(inverse, 0)).containsExactly(expected, within(1e-7f));
        assertThat(values(inverse, 1)).containsExactly(1, 0, 0, 1);
    }

    @Test
    void whatIsNotPositiveDefiniteOrFiniteBecomesNaNAndTheOthersDoNot() {
        var a =
                batch(
                        2,
                        2,
                        new float[] {1, 2, 2, 1},
                        new float[] {4, 0, 0, 4},
                        new float[] {1, 0, 0, Float.POSITIVE_INFINITY},
                        new float[] {Float.NaN, 0, 0, 1},
                        new float[] {-1, 0, 0, 1});
        var factor =
                batch(2, 2, Stream.generate(() -> new float[4]).limit(5).toArray(float[][]::new));
        var inverse =
                batch(2, 2, Stream.generate(() -> new float[4]).limit(5).toArray(float[][]::new));
        var work =
                batch(2, 2, Stream.generate(() -> new float[4]).limit(5).toArray(float[][]::new));
        engine.factorise(a, 0, factor);
        engine.invert(a, 0, work, inverse);
        for (int i : List.of(0, 2, 3, 4)) {
            assertThat(values(factor, i)).as("factor of %d", i).containsOnly(Float.NaN);
            assertThat(values(inverse, i)).as("inverse of %d", i).containsOnly(Float.NaN);
        }
        assertThat(values(factor, 1)).containsExactly(2, 0, 0, 2);
        assertThat(values(inverse, 1)).containsExactly(0.25f, 0, 0, 0.25f);
    }

    @Test
    void aNormIsFrobeniussAndDoesNotOverflowEarly() {
        var a = batch(2, 2, new float[] {1, 2, 4, 2}, new float[] {3e30f, 0, 0, 4e30f});
        var norms = batch(1, 1, new float[1], new float[1]);
        engine.norms(a, norms);
        assertThat(values(norms, 0)).containsExactly(5);
        assertThat(values(norms, 1)).containsExactly(5e30f);
        engine.divide(a, norms, 3);
        assertThat(values(a, 0)).containsExactly(0.125f, 0.25f, 0.5f, 0.25f);
    }

    @Test
    void aCopyIsOfEveryMatrix() {
        var to = batch(1, 3, new float[3], new float[3]);
        engine.copy(batch(1, 3, new float[] {1, 2, 3}, new float[] {4, 5, Float.NaN}), to);
        assertThat(values(to, 0)).containsExactly(1, 2, 3);
        assertThat(values(to, 1)).containsExactly(4, 5, Float.NaN);
    }

    @Test
    void matricesWithoutElementsAreLeftAlone() {
        var none = empty(0, 0);
        // An algebra need not know of such.
        var numbering = new HostMatrixEngine(numbering());
        numbering.factorise(none, 1, empty(0, 0));
        numbering.invert(none, 1, empty(0, 0), empty(0, 0));
        var norms = batch(1, 1, new float[] {7});
        engine.norms(empty(0, 3), norms);
        assertThat(values(norms, 0)).containsExactly(0);
    }

    /**
     * An operation on one matrix of a size in each of its batches.
     *
     * @param sizes of the batches, in the order of its arguments
     * @param written the places of those that it writes
     */
    private record Operation(
            String name,
            List<MatrixSize> sizes,
            List<Integer> written,
            BiConsumer<MatrixEngine, List<MatrixBatch>> call) {

        /** Calls it with zeros, but for the batch at a place. */
        void with(MatrixEngine engine, int place, MatrixBatch other) {
            var batches = new ArrayList<MatrixBatch>();
            sizes.forEach(size -> batches.add(empty(size.rows(), size.columns())));
            batches.set(place, other);
            call.accept(engine, batches);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static List<Operation> operations() {
        var matrix = new MatrixSize(2, 2);
        var number = new MatrixSize(1, 1);
        return List.of(
                new Operation(
                        "multiply",
                        List.of(matrix, matrix, matrix),
                        List.of(2),
                        (engine, of) ->
                                engine.multiply(
                                        1, of.get(0), false, of.get(1), false, 0, of.get(2))),
                new Operation(
                        "rankUpdate",
                        List.of(matrix, matrix),
                        List.of(1),
                        (engine, of) -> engine.rankUpdate(1, of.get(0), false, 0, of.get(1))),
                new Operation(
                        "factorise",
                        List.of(matrix, matrix),
                        List.of(1),
                        (engine, of) -> engine.factorise(of.get(0), 0, of.get(1))),
                new Operation(
                        "invert",
                        List.of(matrix, matrix, matrix),
                        List.of(1, 2),
                        (engine, of) -> engine.invert(of.get(0), 0, of.get(1), of.get(2))),
                new Operation(
                        "norms",
                        List.of(matrix, number),
                        List.of(1),
                        (engine, of) -> engine.norms(of.get(0), of.get(1))),
                new Operation(
                        "divide",
                        List.of(matrix, number),
                        List.of(0),
                        (engine, of) -> engine.divide(of.get(0), of.get(1), 0)),
                new Operation(
                        "copy",
                        List.of(matrix, matrix),
                        List.of(1),
                        (engine, of) -> engine.copy(of.get(0), of.get(1))));
    }

    static Stream<Arguments> places() {
        return operations().stream()
                .flatMap(
                        operation ->
                                IntStream.range(0, operation.sizes().size())
                                        .mapToObj(place -> Arguments.of(operation, place)));
    }

    @ParameterizedTest
    @MethodSource("places")
    void batchesOfDifferentCountsAreRefused(Operation operation, int place) {
        var size = operation.sizes().get(place);
        var two = new HostBatch(size, batch(2, 2, new float[4], new float[4]).segments(), true);
        assertThatThrownBy(() -> operation.with(engine, place, two))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("batches of (1 and of 2|2 and of 1) matrices");
    }

    @ParameterizedTest
    @MethodSource("places")
    void whatIsKeptIsReadAndNotWritten(Operation operation, int place) {
        var kept = new HostBatch(operation.sizes().get(place), empty(2, 2).segments(), false);
        if (operation.written().contains(place)) {
            assertRefused(
                    () -> operation.with(engine, place, kept),
                    "a state that outlasts the step is written by its phases alone, since those"
                            + " know whether the step is accepted; let a phase store it");
        } else {
            operation.with(engine, place, kept);
        }
    }

    /** What an engine of another backend would make. */
    private record Foreign(MatrixSize size) implements MatrixBatch {

        @Override
        public int count() {
            return 1;
        }

        @Override
        public boolean isWritable() {
            return true;
        }
    }

    @ParameterizedTest
    @MethodSource("places")
    void matricesOfAnotherBackendAreRefused(Operation operation, int place) {
        assertRefused(
                () -> operation.with(engine, place, new Foreign(operation.sizes().get(place))),
                "these matrices are not this backend's");
    }

    @Test
    void sizesThatDoNotFitAreRefused() {
        var a = empty(2, 3);
        var square = empty(2, 2);
        assertRefused(
                () -> engine.multiply(1, a, false, a, false, 0, empty(2, 3)),
                "a product of matrices of 2 x 3 and 2 x 3 does not fit one of 2 x 3");
        assertRefused(
                () -> engine.multiply(1, a, false, a, true, 0, empty(2, 3)),
                "a product of matrices of 2 x 3 and 3 x 2 does not fit one of 2 x 3");
        assertRefused(
                () -> engine.rankUpdate(1, a, true, 0, square),
                "a product of matrices of 3 x 2 and 2 x 3 does not fit one of 2 x 2");
        for (var other : List.of(empty(3, 3), a)) {
            var message = "what becomes of matrices of 2 x 2 does not fit those of " + other.size();
            assertRefused(() -> engine.factorise(square, 0, other), message);
            assertRefused(() -> engine.invert(square, 0, other, empty(2, 2)), message);
            assertRefused(() -> engine.invert(square, 0, empty(2, 2), other), message);
        }
        assertRefused(
                () -> engine.norms(a, square),
                "one number a matrix is a batch of 1 x 1, not of 2 x 2");
        assertRefused(
                () -> engine.divide(a, empty(2, 1), 0),
                "one number a matrix is a batch of 1 x 1, not of 2 x 1");
        assertRefused(
                () -> engine.copy(a, square),
                "matrices of 2 x 3 cannot be copied to those of 2 x 2");
    }

    @Test
    void whatIsNotSquareIsNeitherFactorisedNorInverted() {
        var message = "matrices of 2 x 3 are not square, so not symmetric";
        var a = empty(2, 3);
        assertRefused(() -> engine.factorise(a, 0, empty(2, 3)), message);
        assertRefused(() -> engine.invert(a, 0, empty(2, 3), empty(2, 3)), message);
    }

    @Test
    void aResultIsNotWrittenOverWhatItComesFrom() {
        var square = empty(2, 2);
        var other = empty(2, 2);
        var product = "a product cannot be written over its own factor";
        assertRefused(() -> engine.multiply(1, square, false, other, false, 0, square), product);
        assertRefused(() -> engine.multiply(1, other, false, square, false, 0, square), product);
        assertRefused(() -> engine.rankUpdate(1, square, false, 0, square), product);
        var result = "a result cannot be written over its own matrix";
        assertRefused(() -> engine.factorise(square, 0, square), result);
        assertRefused(() -> engine.invert(square, 0, square, other), result);
        assertRefused(() -> engine.invert(square, 0, other, square), result);
        assertRefused(
                () -> engine.invert(square, 0, other, other),
                "an inverse cannot be where its intermediate results are");
        var single = empty(1, 1);
        var numbers = "matrices cannot be their own numbers";
        assertRefused(() -> engine.norms(single, single), numbers);
        assertRefused(() -> engine.divide(single, single, 0), numbers);
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1e-9, Double.NaN, Double.POSITIVE_INFINITY})
    void dampingOutOfItsRangeIsRefused(double damping) {
        assertRefused(
                () -> engine.factorise(empty(2, 2), damping, empty(2, 2)),
                "damping must be finite and at least 0, but is " + damping);
        assertRefused(
                () -> engine.invert(empty(2, 2), damping, empty(2, 2), empty(2, 2)),
                "damping must be finite and at least 0, but is " + damping);
    }
}
