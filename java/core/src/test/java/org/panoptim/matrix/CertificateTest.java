package org.panoptim.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The bounds of an inverse's error, worked out by hand. */
class CertificateTest {

    /** {@code 10 √(2/π)}. */
    private static final double TIMES = 7.978845608028654;

    private static final Offset<Double> EXACT = within(1e-9);

    @Test
    void withoutRoundingTheyAreOfTheErrorAndOfTheRootOfItsSquare() {
        var bounds = Certificate.bounds(10, 3, 2, .5, 0, 0);
        assertThat(bounds.relative()).isCloseTo(TIMES * 2, EXACT);
        assertThat(bounds.ownNorm()).isCloseTo(Math.sqrt(TIMES * .5), EXACT);
    }

    @Test
    void theOwnNormIsNeverTheLarger() {
        var bounds = Certificate.bounds(10, 3, .01, .5, 0, 0);
        assertThat(bounds.relative()).isCloseTo(TIMES * .01, EXACT);
        assertThat(bounds.ownNorm()).isEqualTo(bounds.relative());
    }

    /**
     * Sums of 64 and of ⌈n/64⌉ such sums, twice, and 8 operations more, each of a rounding error of
     * 2⁻⁵³.
     */
    @ParameterizedTest
    @CsvSource({"1, 138", "64, 138", "65, 140", "640, 156"})
    void roundingIsThatOfAllOperations(int n, double operations) {
        // ‖F‖ ‖X‖ = 8 · 2⁵³, so that the rounding is 8 times the number of operations.
        double rounding = 8 * operations;
        var bounds = Certificate.bounds(n, 3, 2, .5, 0x1p51, 32);
        double norm = TIMES * (2 + rounding * 3);
        assertThat(bounds.relative()).isCloseTo(norm, within(1e-6));
        assertThat(bounds.ownNorm())
                .isCloseTo(
                        Math.sqrt(TIMES * (.5 + rounding * 2 + norm * rounding * 3)), within(1e-6));
    }

    @Test
    void withoutAnyErrorTheyAreZero() {
        assertThat(Certificate.bounds(1, 3, 0, 0, 0, 0)).isEqualTo(new Certificate.Bounds(0, 0));
    }

    @Test
    void ofWhatIsNotFiniteTheyAreInfinite() {
        double infinity = Double.POSITIVE_INFINITY;
        assertThat(Certificate.bounds(1, 3, Double.NaN, Double.NaN, 1, 1))
                .isEqualTo(new Certificate.Bounds(infinity, infinity));
    }
}
