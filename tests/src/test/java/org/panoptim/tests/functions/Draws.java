package org.panoptim.tests.functions;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** Random doubles of several kinds, and doubles close to given ones. */
final class Draws {

    /** Steps from one double to the next. */
    private static final long[] STEPS = {
        0, 1, -1, 2, -2, 3, -3, 1 << 20, -(1 << 20), 1L << 32, -(1L << 32), (1L << 32) - 1
    };

    private Draws() {}

    /** Any bits at all: every exponent alike, now and then a NaN. */
    static double bits(SplittableRandom random) {
        return Double.longBitsToDouble(random.nextLong());
    }

    /** Positive, with exponents from {@code least} to {@code most} alike. */
    static double withExponent(SplittableRandom random, int least, int most) {
        return Math.scalb(random.nextDouble(1, 2), random.nextInt(least, most + 1));
    }

    /** 0, or below 1 by 10^-k, k up to 17: the decays of rules. */
    static double decay(SplittableRandom random) {
        return 1 - random.nextDouble() * StrictMath.pow(10, -random.nextInt(18));
    }

    /** Of either sign, with one of the given high words, or the one before or after it. */
    static ToDoubleFunction<SplittableRandom> withHighWord(int... words) {
        return random -> {
            long word = words[random.nextInt(words.length)] + random.nextInt(-1, 2);
            double value = Double.longBitsToDouble(word << 32 | random.nextInt() & 0xFFFFFFFFL);
            return random.nextBoolean() ? -value : value;
        };
    }

    /** A number of steps up to 2^40, small ones as often as large ones. */
    static long count(SplittableRandom random) {
        return random.nextLong(1, 2L << random.nextInt(40));
    }

    /**
     * The given doubles with both signs, their next neighbours, and neighbours some 2^20 and 2^32
     * steps away, where the upper half of the bits changes.
     */
    static double[] around(double... centres) {
        return Arrays.stream(centres)
                .flatMap(
                        centre ->
                                Arrays.stream(STEPS)
                                        .mapToDouble(
                                                step ->
                                                        Double.longBitsToDouble(
                                                                Double.doubleToRawLongBits(centre)
                                                                        + step)))
                .flatMap(value -> DoubleStream.of(value, -value))
                .toArray();
    }

    /** The given high words, and those next to them, with the lowest and the highest low words. */
    static double[] aroundWords(int... words) {
        return Draws.around(
                IntStream.of(words)
                        .mapToDouble(word -> Double.longBitsToDouble((long) word << 32))
                        .toArray());
    }
}
