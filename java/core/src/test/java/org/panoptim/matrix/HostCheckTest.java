package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.matrix.Segments.floats;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;

/** What a certificate says of candidates whose error is known. */
class HostCheckTest {

    private static final HostAlgebra ALGEBRA = new PlainHostAlgebra();
    private static final Percentage ROUNDING = Percentage.withPercentage(1e-7);

    private static HostCheck check(MemorySegment factor, int n, double damping) {
        return new HostCheck(ALGEBRA, n, factor, damping);
    }

    private static double longestProbe(int n) {
        var probes = Certificate.probes(n);
        double longest = 0;
        for (int probe = 0; probe < Certificate.PROBES; probe++) {
            double squares = 0;
            for (int i = 0; i < n; i++) {
                squares += Math.pow(probes[i * Certificate.PROBES + probe], 2);
            }
            longest = Math.max(longest, Math.sqrt(squares));
        }
        return longest;
    }

    @Test
    void anErrorThatIsAMultipleOfTheIdentity() {
        // B = diag(2, 8), and E = e I.
        double e = 1.0 / 16;
        try (var check = check(floats(1, 0, 0, 7), 2, 1)) {
            var inverse = floats((1 - e) / 2, 0, 0, (1 - e) / 8);
            var certified = check.certify(inverse, 3);
            double longest = longestProbe(2);
            assertThat(certified.status()).isEqualTo(Inverted.Status.INVERTED);
            assertThat(certified.relativeError())
                    .isCloseTo(Certificate.FACTOR * e * longest, ROUNDING);
            assertThat(certified.certifiedError())
                    .isCloseTo(Math.sqrt(Certificate.FACTOR * e * e * longest), ROUNDING);
            assertThat(certified.iterations()).isEqualTo(3);
        }
    }

    @Test
    void ofAnExactInverseOnlyTheRoundingOfTheCertificateIsLeft() {
        int n = 3;
        try (var check = check(floats(1, 0, 0, 0, 1, 0, 0, 0, 1), n, 0)) {
            var certified = check.certify(floats(1, 0, 0, 0, 1, 0, 0, 0, 1), 0);
            // ‖F‖² is n; n more make up for the damping.
            var bounds =
                    Certificate.bounds(n, longestProbe(n), 0, 0, Math.sqrt(2.0 * n), Math.sqrt(n));
            assertThat(certified.relativeError())
                    .isCloseTo(bounds.relative(), ROUNDING)
                    .isPositive();
            assertThat(certified.certifiedError()).isCloseTo(bounds.ownNorm(), ROUNDING);
        }
    }

    @Test
    void theConditionIsTheProductOfTheLargestRowSums() {
        // B = [[3, 1], [1, 4]] has the row sums 4 and 5, eleven times its inverse [[4, -1], [-1,
        // 3]] 5 and 4.
        try (var check = check(floats(2, 1, 1, 3), 2, 1)) {
            var inverse = floats(4.0 / 11, -1.0 / 11, -1.0 / 11, 3.0 / 11);
            assertThat(check.certify(inverse, 0).condition()).isCloseTo(5 * 5 / 11.0, within(1e-6));
        }
    }

    @Test
    void aCandidateThatIsNotFiniteFails() {
        try (var check = check(floats(1, 0, 0, 1), 2, 0)) {
            assertThat(check.certify(floats(1, 0, 0, Double.NaN), 0))
                    .isEqualTo(Inverted.failed(Inverted.Status.NOT_FINITE));
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, -2, Double.NaN, Double.POSITIVE_INFINITY})
    void aDampedDiagonalThatIsNotFiniteOrNotAboveZeroIsOfNoUse(double element) {
        try (var last = check(floats(1, 0, 0, element), 2, 1);
                var first = check(floats(element, 0, 0, 1), 2, 1)) {
            assertThat(last.usable()).isFalse();
            assertThat(first.usable()).isFalse();
        }
    }

    @Test
    void aDampedDiagonalAboveZeroIsOfUse() {
        try (var check = check(floats(0, 0, 0, Float.MAX_VALUE), 2, Double.MIN_VALUE)) {
            assertThat(check.usable()).isTrue();
        }
    }

    @Test
    void itsMemoryIsFreedWhenItIsClosed() {
        var check = check(floats(4), 1, 0);
        assertThat(check.scale(0)).isEqualTo(.5);
        check.close();
        assertThatThrownBy(() -> check.scale(0)).isInstanceOf(IllegalStateException.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void theLargestEigenvalueIsThatOfThePowerMethodAfterSoManySteps(int steps) {
        // B = diag(2, 5) and X = diag(1, 3/2), so that X B = diag(2, 7.5).
        try (var check = check(floats(0, 0, 0, 3), 2, 2)) {
            double expected = 0;
            var probes = Certificate.probes(2);
            for (int probe = 0; probe < Certificate.PROBES; probe++) {
                double x = probes[probe];
                double y = probes[Certificate.PROBES + probe];
                double length = 1;
                for (int step = 0; step < steps; step++) {
                    x *= 2 / length;
                    y *= 7.5 / length;
                    length = Math.hypot(x, y);
                }
                expected = Math.max(expected, length);
            }
            assertThat(check.largestEigenvalue(floats(1, 0, 0, 1.5), steps))
                    .isCloseTo(expected, ROUNDING);
        }
    }
}
