package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.matrix.Segments.floats;
import static org.panoptim.matrix.Segments.read;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.lang.foreign.MemorySegment;

/** The inverse of a damped matrix whose diagonal and rows all differ, worked out by hand. */
class HostInversionTest {

    private static final double DAMPING = 1;

    /** With the damping 4 1 0 / 1 5 2 / 0 2 9, whose determinant is 155. */
    private static final MemorySegment MATRIX = floats(3, 1, 0, 1, 4, 2, 0, 2, 8);

    private static final double[] INVERSE = {41, -9, 2, -9, 36, -8, 2, -8, 19};

    private static final InversionMethod CHOLESKY = new InversionMethod.Cholesky(false);

    private final MemorySegment candidate = floats(new double[9]);

    /** The inverse times a number. */
    private static double[] inverse(double times) {
        var inverse = INVERSE.clone();
        for (int i = 0; i < inverse.length; i++) {
            inverse[i] *= times / 155;
        }
        return inverse;
    }

    private static Inverted invert(
            int n,
            MemorySegment matrix,
            double damping,
            InversionMethod method,
            MemorySegment inUse,
            MemorySegment candidate) {
        return HostInversion.invert(
                new PlainHostAlgebra(), n, matrix, damping, method, inUse, candidate);
    }

    private void assertInverse(double times) {
        var expected = read(floats(inverse(times)));
        assertThat(read(candidate)).containsExactly(expected, within(1e-6f));
    }

    @Test
    void choleskysIsExactButForRounding() {
        var inverted = invert(3, MATRIX, DAMPING, CHOLESKY, MemorySegment.NULL, candidate);
        assertThat(inverted.status()).isEqualTo(Inverted.Status.INVERTED);
        assertThat(inverted.iterations()).isZero();
        assertThat(inverted.certifiedError()).isLessThan(1e-5);
        assertInverse(1);
    }

    /**
     * From the inverse itself, with which B has the largest eigenvalue 1, taken to be 1.2, and a
     * lowest that is said to be .4: {@code X = 2 / (.4 + 1.2) B⁻¹} becomes {@code 2 X − X B X = (2
     * · 1.25 − 1.25²) B⁻¹}, and then {@code (2 · .9375 − .9375²) B⁻¹}.
     */
    @ParameterizedTest
    @CsvSource({"1, .5, .9375", "2, .1, .99609375"})
    void newtonsIsNearerWithEachIteration(int iterations, double target, double times) {
        var method = new InversionMethod.Newton(.4, target, 5);
        var inverted = invert(3, MATRIX, DAMPING, method, floats(inverse(1)), candidate);
        assertThat(inverted.status()).isEqualTo(Inverted.Status.INVERTED);
        assertThat(inverted.iterations()).isEqualTo(iterations);
        assertThat(inverted.certifiedError()).isBetween(1 - times, target);
        assertInverse(times);
    }

    @Test
    void whatIsNotPositiveDefiniteHasNone() {
        var matrix = floats(1, 2, 2, 1);
        assertThat(invert(2, matrix, 0, CHOLESKY, MemorySegment.NULL, floats(new double[4])))
                .isEqualTo(Inverted.failed(Inverted.Status.NOT_POSITIVE_DEFINITE));
    }

    @Test
    void aDampedDiagonalThatIsNotAboveZeroIsNotLookedAt() {
        var matrix = floats(-1, 0, 0, 1);
        assertThat(invert(2, matrix, 1, CHOLESKY, MemorySegment.NULL, floats(new double[4])))
                .isEqualTo(Inverted.failed(Inverted.Status.NOT_FINITE));
    }
}
