package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.panoptim.seeded.SeededCases;

import java.math.BigDecimal;
import java.math.MathContext;

class ArithmeticTest {

    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    @Test
    void maxIsTheLargerOneAndNaNIfEitherIs() {
        assertThat(Arithmetic.max(1, 2)).isEqualTo(2);
        assertThat(Arithmetic.max(2, 1)).isEqualTo(2);
        assertThat(Arithmetic.max(-INFINITY, -1)).isEqualTo(-1);
        assertThat(Arithmetic.max(INFINITY, 1)).isEqualTo(INFINITY);
        assertThat(Arithmetic.max(NAN, 1)).isNaN();
        assertThat(Arithmetic.max(1, NAN)).isNaN();
        assertThat(Arithmetic.max(NAN, INFINITY)).isNaN();
        assertThat(Arithmetic.max(INFINITY, NAN)).isNaN();
        assertThat(Arithmetic.max(1.0, 2.0)).isEqualTo(2);
        assertThat(Arithmetic.max(2.0, 1.0)).isEqualTo(2);
        assertThat(Arithmetic.max(Double.NaN, 1.0)).isNaN();
        assertThat(Arithmetic.max(1.0, Double.NaN)).isNaN();
    }

    @Test
    void minIsTheSmallerOneAndNaNIfEitherIs() {
        assertThat(Arithmetic.min(1f, 2f)).isEqualTo(1);
        assertThat(Arithmetic.min(2f, 1f)).isEqualTo(1);
        assertThat(Arithmetic.min(-INFINITY, -1f)).isEqualTo(-INFINITY);
        assertThat(Arithmetic.min(NAN, 1f)).isNaN();
        assertThat(Arithmetic.min(1f, NAN)).isNaN();
        assertThat(Arithmetic.min(NAN, -INFINITY)).isNaN();
        assertThat(Arithmetic.min(-INFINITY, NAN)).isNaN();
        assertThat(Arithmetic.min(1.0, 2.0)).isEqualTo(1);
        assertThat(Arithmetic.min(2.0, 1.0)).isEqualTo(1);
        assertThat(Arithmetic.min(Double.NaN, 1.0)).isNaN();
        assertThat(Arithmetic.min(1.0, Double.NaN)).isNaN();
    }

    @Test
    void amongEqualsTheSecondIsTaken() {
        // Zeros of both signs are equal; which one comes out is fixed, so that backends agree.
        assertThat(bits(Arithmetic.max(0f, -0f))).isEqualTo(bits(-0f));
        assertThat(bits(Arithmetic.max(-0f, 0f))).isEqualTo(bits(0f));
        assertThat(1 / Arithmetic.max(0.0, -0.0)).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(1 / Arithmetic.max(-0.0, 0.0)).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(bits(Arithmetic.min(0f, -0f))).isEqualTo(bits(-0f));
        assertThat(bits(Arithmetic.min(-0f, 0f))).isEqualTo(bits(0f));
        assertThat(Double.doubleToRawLongBits(Arithmetic.min(0.0, -0.0)))
                .isEqualTo(Double.doubleToRawLongBits(-0.0));
        assertThat(Double.doubleToRawLongBits(Arithmetic.min(-0.0, 0.0)))
                .isEqualTo(Double.doubleToRawLongBits(0.0));
    }

    @Test
    void signKeepsZerosAndNaN() {
        assertThat(Arithmetic.sign(3)).isEqualTo(1);
        assertThat(Arithmetic.sign(-3)).isEqualTo(-1);
        assertThat(Arithmetic.sign(INFINITY)).isEqualTo(1);
        assertThat(Arithmetic.sign(-INFINITY)).isEqualTo(-1);
        assertThat(Arithmetic.sign(Float.MIN_VALUE)).isEqualTo(1);
        assertThat(Arithmetic.sign(-Float.MIN_VALUE)).isEqualTo(-1);
        assertThat(bits(Arithmetic.sign(0f))).isEqualTo(bits(0f));
        assertThat(bits(Arithmetic.sign(-0f))).isEqualTo(bits(-0f));
        assertThat(Arithmetic.sign(NAN)).isNaN();
    }

    @Test
    void absClearsTheSign() {
        assertThat(Arithmetic.abs(-3)).isEqualTo(3);
        assertThat(Arithmetic.abs(3)).isEqualTo(3);
        assertThat(bits(Arithmetic.abs(-0f))).isEqualTo(bits(0f));
        assertThat(Arithmetic.abs(-INFINITY)).isEqualTo(INFINITY);
        assertThat(Arithmetic.abs(NAN)).isNaN();
    }

    @Test
    void sqrtIsRoundedCorrectly() {
        SeededCases.check(
                2000,
                draw -> Math.abs(draw.anyFloat()),
                ArithmeticTest::assertRootIsRoundedCorrectly);
    }

    private static void assertRootIsRoundedCorrectly(float x) {
        float root = Arithmetic.sqrt(x);
        if (!Float.isFinite(x) || x == 0) {
            assertThat(bits(root)).isEqualTo(bits(x));
            return;
        }
        // The nearest float lies within half a unit: (root ± ulp/2)² encloses x, exactly.
        var half = new BigDecimal(Math.ulp(root)).divide(BigDecimal.TWO);
        var below = new BigDecimal(root).subtract(half);
        var above = new BigDecimal(root).add(half);
        assertThat(new BigDecimal(x)).isBetween(below.multiply(below), above.multiply(above));
    }

    @Test
    void sqrtOfANegativeNumberIsNaN() {
        assertThat(Arithmetic.sqrt(-1)).isNaN();
        assertThat(Arithmetic.sqrt(NAN)).isNaN();
        assertThat(bits(Arithmetic.sqrt(-0f))).isEqualTo(bits(-0f));
    }

    @Test
    void smallPowersAreExact() {
        assertThat(Arithmetic.power(0.9, 0)).isEqualTo(1);
        assertThat(Arithmetic.power(0.9, 1)).isEqualTo(0.9);
        assertThat(Arithmetic.power(0, 0)).isEqualTo(1);
        assertThat(Arithmetic.power(0, 5)).isZero();
        assertThat(Arithmetic.power(3, 5)).isEqualTo(243);
        assertThat(Arithmetic.power(0.5, 7)).isEqualTo(0x1p-7);
        assertThat(Arithmetic.power(-2, 3)).isEqualTo(-8);
        assertThat(Arithmetic.power(1, Long.MAX_VALUE)).isEqualTo(1);
        assertThat(Arithmetic.power(0.999999, Long.MAX_VALUE)).isZero();
        assertThat(Arithmetic.power(Double.NaN, 2)).isNaN();
    }

    @Test
    void theOrderOfProductsIsFixed() {
        // From the lowest bit: 13 = 1101₂ gives (x · x⁴) · x⁸, with x⁴ = (x²)² and x⁸ = (x⁴)².
        double x = 0.965;
        double x2 = x * x;
        double x4 = x2 * x2;
        assertThat(Arithmetic.power(x, 13)).isEqualTo((x * x4) * (x4 * x4));
    }

    private record Power(double x, int n) {}

    @Test
    void powersAreWithinTheErrorOfTheirProducts() {
        SeededCases.check(
                500,
                draw -> new Power(draw.between(0.5, 1.0), draw.between(1, 700)),
                power -> assertWithinTheErrorOfItsProducts(power.x(), power.n()));
    }

    private static void assertWithinTheErrorOfItsProducts(double x, int n) {
        var exact = new BigDecimal(x).pow(n, new MathContext(60));
        // n − 1 products, each within half a unit in the last place: 2⁻⁵³ of its result.
        var bound = exact.multiply(new BigDecimal(n * 0x1.001p-53));
        var difference = new BigDecimal(Arithmetic.power(x, n)).subtract(exact).abs();
        assertThat(difference).isLessThanOrEqualTo(bound);
    }

    @Test
    void afterAMillionStepsAPowerAgreesWithARunningProduct() {
        double beta = 0.99999;
        int n = 1_000_000;
        double running = 1;
        for (int i = 0; i < n; i++) {
            running *= beta;
        }
        var exact = new BigDecimal(beta).pow(n, new MathContext(60));
        assertThat(new BigDecimal(Arithmetic.power(beta, n)).subtract(exact).abs())
                .isLessThan(exact.multiply(new BigDecimal(n * 0x1.001p-53)));
        assertThat(Arithmetic.power(beta, n)).isCloseTo(running, within(running * n * 0x1p-52));
    }

    /** The bits, all NaNs alike. */
    private static int bits(float x) {
        return Float.floatToIntBits(x);
    }

    @Test
    void wholeNumbersAreBoundedAndThatOfNaNIsZero() {
        assertThat(Arithmetic.whole(3.75)).isEqualTo(3);
        assertThat(Arithmetic.whole(-3.75)).isEqualTo(-3);
        assertThat(Arithmetic.whole(0x1p61)).isEqualTo(1L << 61);
        assertThat(Arithmetic.whole(1e300)).isEqualTo(1L << 62);
        assertThat(Arithmetic.whole(Double.NEGATIVE_INFINITY)).isEqualTo(-(1L << 62));
        assertThat(Arithmetic.whole(Double.NaN)).isZero();
    }
}
