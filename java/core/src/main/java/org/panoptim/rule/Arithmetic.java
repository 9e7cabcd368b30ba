package org.panoptim.rule;

/**
 * The few operations that rules may use beside + − × ÷: each is defined by its bits, so that Java,
 * C++ and a GPU agree. All let NaN through.
 *
 * <p>Where a rule prepares a step, in double, it may also call {@code pow}, {@code exp}, {@code
 * log} and {@code cos} of {@link StrictMath}, never of {@link Math}, whose results differ between
 * machines.
 */
public final class Arithmetic {

    private Arithmetic() {}

    /** The correctly rounded square root. */
    public static float sqrt(float x) {
        // Rounding a double root to float is exact: 53 bits are more than twice 24 plus two.
        return (float) Math.sqrt(x);
    }

    /** The absolute value. */
    public static float abs(float x) {
        return Math.abs(x);
    }

    /** 1, −1, or x itself where it is zero or NaN. */
    public static float sign(float x) {
        return x > 0 ? 1 : x < 0 ? -1 : x;
    }

    /** The larger one; NaN if either is NaN. */
    public static float max(float a, float b) {
        return a > b ? a : a == a ? b : a;
    }

    /** The smaller one; NaN if either is NaN. */
    public static float min(float a, float b) {
        return a < b ? a : a == a ? b : a;
    }

    /** The smaller one; NaN if either is NaN. */
    public static double min(double a, double b) {
        return a < b ? a : a == a ? b : a;
    }

    /** The larger one; NaN if either is NaN. */
    public static double max(double a, double b) {
        return a > b ? a : a == a ? b : a;
    }

    /**
     * A state of the tensor or rule as a whole number: without its fraction, at most 2⁶² either
     * way; 0 of NaN.
     */
    public static long whole(double x) {
        return Math.clamp((long) x, -(1L << 62), 1L << 62);
    }

    /**
     * x to the power n, by binary exponentiation from the lowest bit, in a fixed order of products.
     *
     * @param n at least 0
     */
    public static double power(double x, long n) {
        double result = 1;
        double base = x;
        for (long rest = n; rest > 0; ) {
            if ((rest & 1) != 0) {
                result *= base;
            }
            rest >>= 1;
            if (rest > 0) {
                base *= base;
            }
        }
        return result;
    }
}
