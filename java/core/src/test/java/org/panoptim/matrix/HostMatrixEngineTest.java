package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;

/** What a rule on matrices may ask of an engine, over plain Java. */
class HostMatrixEngineTest {

    private final MatrixEngine engine = new HostMatrixEngine(new PlainHostAlgebra());

    private static HostBatch batch(int rows, int columns, float[]... matrices) {
        var segments = Stream.of(matrices).map(MemorySegment::ofArray).toList();
        return new HostBatch(new MatrixSize(rows, columns), segments, true);
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
    void matricesWithoutElementsAreLeftAlone() {
        var none = empty(0, 0);
        engine.factorise(none, 1, empty(0, 0));
        engine.invert(none, 1, empty(0, 0), empty(0, 0));
        var norms = batch(1, 1, new float[] {7});
        engine.norms(empty(0, 3), norms);
        assertThat(values(norms, 0)).containsExactly(0);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        var a = empty(2, 3);
        var square = empty(2, 2);
        assertRefused(
                () -> engine.rankUpdate(1, a, true, 0, square),
                "a product of matrices of 3 x 2 and 2 x 3 does not fit one of 2 x 2");
        assertRefused(
                () -> engine.rankUpdate(1, square, false, 0, square),
                "a product cannot be written over its own factor");
        assertRefused(
                () -> engine.factorise(a, 0, empty(2, 3)),
                "matrices of 2 x 3 are not square, so not symmetric");
        assertRefused(
                () -> engine.factorise(square, 0, empty(3, 3)),
                "what becomes of matrices of 2 x 2 does not fit those of 3 x 3");
        assertRefused(
                () -> engine.factorise(square, 0, square),
                "a result cannot be written over its own matrix");
        assertRefused(
                () -> engine.factorise(square, 0, batch(2, 2, new float[4], new float[4])),
                "batches of 1 and of 2 matrices");
        var shared = empty(2, 2);
        assertRefused(
                () -> engine.invert(square, 0, shared, shared),
                "an inverse cannot be where its intermediate results are");
        assertRefused(
                () -> engine.norms(a, square),
                "one number a matrix is a batch of 1 x 1, not of 2 x 2");
        var single = empty(1, 1);
        assertRefused(() -> engine.norms(single, single), "matrices cannot be their own numbers");
        var kept = new HostBatch(new MatrixSize(2, 2), square.segments(), false);
        assertThatThrownBy(() -> engine.factorise(empty(2, 2), 0, kept))
                .hasMessageContaining("a state that outlasts the step");
        assertThatThrownBy(() -> engine.divide(kept, single, 0))
                .hasMessageContaining("a state that outlasts the step");
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
