package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.matrix.Segments.floats;
import static org.panoptim.matrix.Segments.read;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;

/**
 * How many of Newton's iterations are made for the inverse of the number 1. From an old inverse x
 * the eigenvalues are taken to lie between the lowest that is stated and {@code 1.2 x}; an error of
 * at most {@code (highest − lowest) / (highest + lowest)} is squared by each iteration.
 */
class HostNewtonTest {

    private final MemorySegment candidate = floats(0);

    private Inverted run(double old, double lowest, double target, int iterations) {
        var algebra = new PlainHostAlgebra();
        var factor = floats(1);
        try (var check = new HostCheck(algebra, 1, factor, 0)) {
            return new HostNewton(algebra, 1, factor, 0, check)
                    .run(
                            new InversionMethod.Newton(lowest, target, iterations),
                            floats(old),
                            candidate);
        }
    }

    @Test
    void itStopsWhereTheTargetMustBeReached() {
        // (1.19 / 1.21)²⁵⁶ is the first of these below .02.
        var result = run(1, .01, .02, 20);
        assertThat(result.status()).isEqualTo(Inverted.Status.INVERTED);
        assertThat(result.iterations()).isEqualTo(8);
        assertThat(result.certifiedError()).isLessThan(.02);
        assertThat(read(candidate)[0]).isCloseTo(1, within(1e-6f));
    }

    @Test
    void itStopsWhereTheTargetIsReachedExactly() {
        // Between 2 and 6, .5⁴ is .0625.
        assertThat(run(5, 2, .0625, 20).iterations()).isEqualTo(2);
    }

    @Test
    void theLastIterationMayHaveReachedIt() {
        var result = run(1, .01, .02, 5);
        assertThat(result.status()).isEqualTo(Inverted.Status.INVERTED);
        assertThat(result.iterations()).isEqualTo(5);
    }

    @Test
    void withTooFewIterationsItFails() {
        assertThat(run(1, .01, .02, 2)).isEqualTo(Inverted.failed(Inverted.Status.NOT_CONVERGED));
    }

    @Test
    void aCertifiedErrorOfExactlyTheTargetIsEnough() {
        var first = run(1, .5, .5, 1);
        assertThat(first.status()).isEqualTo(Inverted.Status.INVERTED);
        assertThat(run(1, .5, first.certifiedError(), 1)).isEqualTo(first);
        assertThat(run(1, .5, Math.nextDown(first.certifiedError()), 1).status())
                .isEqualTo(Inverted.Status.NOT_CONVERGED);
    }

    @Test
    void theLowestEigenvalueIsAboveZero() {
        assertThat(run(1, 0, .02, 8)).isEqualTo(Inverted.failed(Inverted.Status.NOT_CONVERGED));
    }

    @Test
    void anOldInverseThatIsNotFiniteIsRefused() {
        assertThat(run(Double.NaN, .5, .02, 8))
                .isEqualTo(Inverted.failed(Inverted.Status.NOT_CONVERGED));
    }
}
