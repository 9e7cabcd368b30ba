package org.panoptim.tests.equivalence;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Numbers to fill a tensor with, the same ones in every run.
 *
 * @param kind what kind of numbers
 * @param seed which of them
 */
record Values(Kind kind, long seed) {

    /** Kinds of numbers; each is a way in which implementations have come apart. */
    enum Kind {
        /** Normally distributed around 0. */
        ORDINARY,
        /** Finite, of every exponent. */
        MAGNITUDES,
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
        Float.intBitsToFloat(0x007fffff),
        Float.MIN_NORMAL,
        -Float.MIN_NORMAL,
        Float.MAX_VALUE,
        -Float.MAX_VALUE,
        1,
        -1
    };

    private static final float[] BAD = {
        Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
    };

    /** The numbers of the tensor at this place, where several share a description. */
    Values at(int place) {
        return new Values(kind, seed * 31 + place);
    }

    /** Fills a segment of floats, whatever its alignment. */
    void fill(MemorySegment target) {
        var random = new SplittableRandom(seed);
        long elements = target.byteSize() / Float.BYTES;
        for (long i = 0; i < elements; i++) {
            target.setAtIndex(ValueLayout.JAVA_FLOAT, i, next(random));
        }
        if (kind == Kind.ONE_BAD && elements > 0) {
            target.setAtIndex(
                    ValueLayout.JAVA_FLOAT,
                    random.nextLong(elements),
                    BAD[random.nextInt(BAD.length)]);
        }
    }

    private float next(SplittableRandom random) {
        return switch (kind) {
            case ORDINARY, ONE_BAD -> (float) random.nextGaussian();
            case MAGNITUDES -> finite(random);
            case DENORMALS -> Float.intBitsToFloat(random.nextInt() & 0x807fffff);
            case ZEROS -> random.nextBoolean() ? 0.0f : -0.0f;
            case QUARTERS -> random.nextInt(-8, 9) / 4.0f;
            case SPECIAL ->
                    random.nextBoolean()
                            ? SPECIALS[random.nextInt(SPECIALS.length)]
                            : (float) random.nextGaussian();
        };
    }

    private static float finite(SplittableRandom random) {
        while (true) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (Float.isFinite(value)) {
                return value;
            }
        }
    }

    @Override
    public String toString() {
        return kind.name().toLowerCase(Locale.ROOT) + "#" + seed;
    }
}
