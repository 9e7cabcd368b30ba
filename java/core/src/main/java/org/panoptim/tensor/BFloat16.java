package org.panoptim.tensor;

/**
 * The numbers of {@link DType#BF16}: the upper half of a float32, so its range with 8 bits of
 * precision.
 */
public final class BFloat16 {

    private BFloat16() {}

    /**
     * The value of 16 bits, exactly.
     *
     * @param bits as they lie in memory
     */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /**
     * The bits of the nearest number, and of two as near the one whose last bit is 0. What is above
     * the largest by half a unit in its last place or more becomes infinite; a NaN stays one.
     */
    public static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }
}
