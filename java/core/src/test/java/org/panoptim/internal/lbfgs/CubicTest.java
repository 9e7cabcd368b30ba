package org.panoptim.internal.lbfgs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Values and slopes of polynomials whose minima are known. */
class CubicTest {

    private static Trial trial(double t, double loss, double slope) {
        return new Trial(t, loss, new Measures(slope, 1, false));
    }

    /** Of t³ − 3t, with its minimum of −2 at 1. */
    private static Trial cubic(double t) {
        return trial(t, t * t * t - 3 * t, 3 * t * t - 3);
    }

    @Test
    void theMinimumOfACubicIsFoundFromAnyTwoOfItsPoints() {
        assertThat(Cubic.minimum(cubic(0), cubic(2))).isCloseTo(1, within(1e-15));
        assertThat(Cubic.minimum(cubic(2), cubic(0))).isCloseTo(1, within(1e-15));
        assertThat(Cubic.minimum(cubic(0.5), cubic(1.25))).isCloseTo(1, within(1e-15));
    }

    /** Of (t − 3)² / 2: the cubic's first coefficient is zero. */
    @Test
    void theMinimumOfAParabolaIsFound() {
        assertThat(Cubic.minimum(trial(0, 4.5, -3), trial(4, 0.5, 1))).isEqualTo(3);
    }

    @Test
    void aMinimumBeyondTheBoundsIsAtTheBound() {
        assertThat(Cubic.minimum(cubic(0), cubic(0.5))).isEqualTo(0.5);
        assertThat(Cubic.minimum(cubic(1.5), cubic(2))).isEqualTo(1.5);
        assertThat(Cubic.minimum(cubic(0), cubic(0.5), 0.505, 5)).isCloseTo(1, within(1e-15));
        assertThat(Cubic.minimum(cubic(0), cubic(0.5), 2, 5)).isEqualTo(2);
    }

    /** Of t³ + t, which rises everywhere. */
    @Test
    void aCubicWithoutAMinimumIsAnsweredWithTheMiddle() {
        assertThat(Cubic.minimum(trial(-1, -2, 4), trial(1, 2, 4), -1, 7)).isEqualTo(3);
    }
}
