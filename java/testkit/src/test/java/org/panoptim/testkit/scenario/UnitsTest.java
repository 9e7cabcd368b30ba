package org.panoptim.testkit.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UnitsTest {

    @Test
    void equalBitsAreNoDistanceApart() {
        assertThat(Units.between(1.5f, 1.5f)).isZero();
        assertThat(Units.between(-1.5, -1.5)).isZero();
        assertThat(Units.between(Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY)).isZero();
    }

    @Test
    void neighboursAreOneApartAcrossPowersOfTwoAndZero() {
        assertThat(Units.between(1f, Math.nextDown(1f))).isEqualTo(1);
        assertThat(Units.between(Float.MAX_VALUE, Float.POSITIVE_INFINITY)).isEqualTo(1);
        assertThat(Units.between(0f, -0f)).isEqualTo(1);
        assertThat(Units.between(Float.MIN_VALUE, -Float.MIN_VALUE)).isEqualTo(3);
        assertThat(Units.between(1.0, Math.nextUp(1.0))).isEqualTo(1);
        assertThat(Units.between(0.0, -0.0)).isEqualTo(1);
    }

    @Test
    void allNansAreOneAndFarFromNumbers() {
        var other = Float.intBitsToFloat(0xffc12345);
        assertThat(Units.between(Float.NaN, other)).isZero();
        assertThat(Units.between(Float.NaN, Float.POSITIVE_INFINITY)).isEqualTo(Units.INCOMPARABLE);
        assertThat(Units.between(Double.NaN, Double.longBitsToDouble(-1))).isZero();
        assertThat(Units.between(0, Double.NaN)).isEqualTo(Units.INCOMPARABLE);
    }

    @Test
    void theLargestDistancesAreNotCutShort() {
        assertThat(Units.between(-Float.MAX_VALUE, Float.MAX_VALUE))
                .isEqualTo(2L * Float.floatToRawIntBits(Float.MAX_VALUE) + 1);
        assertThat(Units.between(-Double.MAX_VALUE, Double.MAX_VALUE)).isPositive();
    }
}
