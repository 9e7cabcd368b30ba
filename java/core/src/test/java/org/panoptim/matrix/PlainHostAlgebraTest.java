package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.matrix.Segments.doubles;
import static org.panoptim.matrix.Segments.floats;
import static org.panoptim.matrix.Segments.read;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Random;

/** The linear algebra in plain Java. */
class PlainHostAlgebraTest {

    private final HostAlgebra algebra = new PlainHostAlgebra();

    @Test
    void itSaysWhatItIs() {
        assertThat(algebra.name()).isEqualTo("plain Java");
    }

    @Test
    void aProductIsOfRowsTimesColumns() {
        var product = floats(new double[4]);
        algebra.multiply(2, 2, 3, floats(1, 2, 3, -4, 5, 6), floats(1, -1, 2, 0.5, 3, 4), product);
        assertThat(read(product)).containsExactly(14, 12, 24, 30.5f);
    }

    @Test
    void aCombinationReadsTheTargetUnlessItsWeightIsZero() {
        var target = floats(10, 20, 30);
        algebra.combine(2, floats(1, 2, 3), 0.5, target, 2);
        assertThat(read(target)).containsExactly(7, 14, 30);
        var fresh = floats(Double.NaN, Double.NaN, 5);
        algebra.combine(-1, floats(1, 2, 3), 0, fresh, 2);
        assertThat(read(fresh)).containsExactly(-1, -2, 5);
    }

    @Test
    void rowsAreAddedAsProductsWithTheirTransposes() {
        var factor = floats(1, 0, 0, 1);
        algebra.addRows(0.5, floats(1, 2, 3, -4), 2, 2, false, factor);
        assertThat(read(factor)).containsExactly(1 + 5, -5, -5, 1 + 10);
    }

    @Test
    void aOneMayFollowEachRow() {
        var factor = floats(new double[9]);
        algebra.addRows(2, floats(1, 2, 3, -4), 2, 2, true, factor);
        assertThat(read(factor)).containsExactly(20, -20, 8, -20, 40, -4, 8, -4, 4);
    }

    @Test
    void aProductOfThreeIsRoundedOnce() {
        var product = floats(new double[6]);
        algebra.multiplyInDouble(
                2,
                3,
                floats(1, 2, 3, 4),
                floats(1, 0, 2, 0, 1, 1),
                floats(1, 2, 0, 0, 1, 3, 2, 0, 1),
                product);
        assertThat(read(product)).containsExactly(9, 4, 10, 23, 10, 22);
        // Rounded in between, 1 + 2^-30 would be 1, and the difference nothing.
        algebra.multiplyInDouble(
                2, 2, floats(1, -1, 0, 1), floats(1, 0x1p-30, 1, 0), floats(1, 0, 1, 0), product);
        assertThat(read(product)).startsWith(0x1p-30f, 0, 1, 0);
    }

    @Test
    void anInverseIsOfTheDampedFactor() {
        // 4 · [[2, 1], [1, 2]] less 1 on the diagonal.
        var inverse = floats(new double[4]);
        assertThat(algebra.invert(2, floats(7, 4, 4, 7), 1, false, inverse))
                .isEqualTo(Inverted.Status.INVERTED);
        float diagonal = (float) (2 / 12.0);
        float beside = (float) (-1 / 12.0);
        assertThat(read(inverse))
                .containsExactly(new float[] {diagonal, beside, beside, diagonal}, within(1e-8f));
    }

    /** The second pivot is 1 − x². */
    @ParameterizedTest
    @ValueSource(doubles = {1, 2})
    void aPivotThatIsNotAboveZeroEndsTheFactorisation(double x) {
        assertThat(algebra.invert(2, floats(1, x, x, 1), 0, false, floats(new double[4])))
                .isEqualTo(Inverted.Status.NOT_POSITIVE_DEFINITE);
    }

    @Test
    void anInverseThatFloatsCannotHoldIsNotFinite() {
        var factor = floats(0, 0, 0, 1);
        assertThat(algebra.invert(2, factor, 1e-300, true, floats(new double[4])))
                .isEqualTo(Inverted.Status.NOT_FINITE);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 64, 70})
    void probesGiveProductsAndSumsOfRows(int n) {
        var random = new Random(n);
        int probes = Certificate.PROBES;
        var matrix = new double[n * n];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = (float) random.nextGaussian();
        }
        var vectors = random.doubles((long) n * probes).toArray();
        var scale = random.doubles(n, 1, 3).toArray();
        var products = doubles(new double[n * probes]);
        var sums = doubles(new double[2 * n]);

        algebra.probe(n, floats(matrix), doubles(vectors), doubles(scale), products, sums);

        var expectedProducts = new double[n * probes];
        var expectedSums = new double[2 * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double element = matrix[i * n + j];
                for (int probe = 0; probe < probes; probe++) {
                    expectedProducts[i * probes + probe] += element * vectors[j * probes + probe];
                }
                expectedSums[2 * i] += Math.abs(element);
                expectedSums[2 * i + 1] += Math.pow(scale[i] * element * scale[j], 2);
            }
        }
        assertThat(products.toArray(JAVA_DOUBLE)).containsExactly(expectedProducts, within(1e-10));
        assertThat(sums.toArray(JAVA_DOUBLE)).containsExactly(expectedSums, within(1e-10));
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
                            double left = a[transposeA ? k * rows + i : i * inner + k];
                            double right = b[transposeB ? j * inner + k : k * columns + j];
                            sum += (float) (left * right);
                        }
                        expected[i * columns + j] = 2 * sum + 0.5f * (float) c[i * columns + j];
                    }
                }
                var product = floats(c);
                algebra.multiply(
                        rows,
                        columns,
                        inner,
                        2,
                        floats(a),
                        transposeA,
                        floats(b),
                        transposeB,
                        0.5f,
                        product);
                assertThat(read(product)).containsExactly(expected);
            }
        }
    }

    @Test
    void aBetaOfZeroDoesNotReadWhatWasThere() {
        var product = floats(Double.NaN);
        algebra.multiply(1, 1, 1, 1, floats(2), false, floats(3), false, 0, product);
        assertThat(read(product)).containsExactly(6);
    }

    private static double[] wholes(Random random, int count) {
        return random.doubles(count, -8, 9).map(Math::floor).toArray();
    }
}
