package org.panoptim.testkit.scenario;

/**
 * Distances between numbers, in units in the last place: how many steps from one representable
 * number to the next lie between them. All NaNs are one number; the two zeros are neighbours.
 */
public final class Units {

    /** The distance between a NaN and a number. */
    public static final long INCOMPARABLE = Long.MAX_VALUE;

    private Units() {}

    /** The distance between two floats; 0 only for equal bits or two NaNs. */
    public static long between(float a, float b) {
        if (Float.isNaN(a) || Float.isNaN(b)) {
            return Float.isNaN(a) && Float.isNaN(b) ? 0 : INCOMPARABLE;
        }
        return Math.abs(
                (long) order(Float.floatToRawIntBits(a)) - order(Float.floatToRawIntBits(b)));
    }

    /** The distance between two doubles; 0 only for equal bits or two NaNs. */
    public static long between(double a, double b) {
        if (Double.isNaN(a) || Double.isNaN(b)) {
            return Double.isNaN(a) && Double.isNaN(b) ? 0 : INCOMPARABLE;
        }
        long left = order(Double.doubleToRawLongBits(a));
        long right = order(Double.doubleToRawLongBits(b));
        long distance = left - right;
        boolean overflows = ((left ^ right) & (left ^ distance)) < 0;
        return overflows ? INCOMPARABLE - 1 : Math.abs(distance);
    }

    /** Maps bits to integers in the order of the numbers, −0 just below 0. */
    private static int order(int bits) {
        return bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    }

    private static long order(long bits) {
        return bits ^ ((bits >> 63) & Long.MAX_VALUE);
    }
}
