package org.panoptim.testkit.scenario;

import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Numbers to fill a tensor with, the same ones in every run.
 *
 * @param kind what kind of numbers
 * @param scale what ordinary numbers are multiplied by
 * @param seed which of them
 */
public record Values(Kind kind, float scale, long seed) {

    /** Kinds of numbers; each is a way in which implementations have come apart. */
    public enum Kind {
        /** Normally distributed around 0. */
        ORDINARY,
        /** Finite, of every exponent. */
        MAGNITUDES,
        /** Of every exponent up to that of 2⁶⁰, so that a square is finite. */
        MODERATE,
        /** Below the smallest normal number. */
        DENORMALS,
        /** Zeros of both signs. */
        ZEROS,
        /** Multiples of a quarter: sums cancel, and signs of zero count. */
        QUARTERS,
        /** Ordinary but for one element, which is NaN or infinite. */
        ONE_BAD,
        /** Zeros, infinities, NaNs and the ends of the range among ordinary numbers. */
        SPECIAL
    }

    private static final float[] SPECIALS = {
        0.0f,
        -0.0f,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        Float.NaN,
        // A NaN with its sign set and a payload.
        Float.intBitsToFloat(0xffc12345),
        Float.MIN_VALUE,
        -Float.MIN_VALUE,
        Math.nextDown(Float.MIN_NORMAL),
        Float.MIN_NORMAL,
        -Float.MIN_NORMAL,
        Float.MAX_VALUE,
        -Float.MAX_VALUE,
        1,
        -1,
        // Squares that overflow, and that underflow.
        1e19f,
        0x1p63f,
        -1e-23f
    };

    private static final float[] BAD = {
        Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
    };

    /** Numbers that are not scaled. */
    public Values(Kind kind, long seed) {
        this(kind, 1, seed);
    }

    /** The numbers of the tensor with this index, where several share a description. */
    public Values at(int index) {
        return new Values(kind, scale, seed * 31 + index);
    }

    /** So many of the numbers. */
    public float[] floats(int elements) {
        var random = new SplittableRandom(seed);
        var floats = new float[elements];
        for (int i = 0; i < elements; i++) {
            floats[i] = next(random);
        }
        if (kind == Kind.ONE_BAD && elements > 0) {
            floats[random.nextInt(elements)] = BAD[random.nextInt(BAD.length)];
        }
        return floats;
    }

    private float next(SplittableRandom random) {
        return switch (kind) {
            case ORDINARY, ONE_BAD -> ordinary(random);
            case MAGNITUDES -> finite(random);
            case MODERATE -> moderate(random);
            case DENORMALS -> Float.intBitsToFloat(random.nextInt() & 0x807fffff);
            case ZEROS -> random.nextBoolean() ? 0.0f : -0.0f;
            case QUARTERS -> random.nextInt(-8, 9) / 4.0f;
            case SPECIAL ->
                    random.nextBoolean()
                            ? SPECIALS[random.nextInt(SPECIALS.length)]
                            : ordinary(random);
        };
    }

    private float ordinary(SplittableRandom random) {
        return (float) random.nextGaussian() * scale;
    }

    private static float finite(SplittableRandom random) {
        while (true) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (Float.isFinite(value)) {
                return value;
            }
        }
    }

    private static float moderate(SplittableRandom random) {
        double magnitude = StrictMath.pow(2, random.nextDouble(-149, 60));
        return (float) (random.nextBoolean() ? magnitude : -magnitude);
    }

    @Override
    public String toString() {
        var name = kind.name().toLowerCase(Locale.ROOT);
        return name + (scale == 1 ? "" : "×" + scale) + "#" + seed;
    }
}
