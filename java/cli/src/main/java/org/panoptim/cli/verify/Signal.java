package org.panoptim.cli.verify;

import java.util.SplittableRandom;

/** Where the numbers of a scenario come from. */
@FunctionalInterface
public interface Signal {

    /** Numbers of every kind that float32 has, at the edges of its ranges. */
    float[] SPECIAL = {
        0f,
        -0f,
        1f,
        -1f,
        Float.NaN,
        Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY,
        Float.MIN_VALUE,
        -Float.MIN_VALUE,
        Float.MIN_NORMAL,
        Math.nextDown(Float.MIN_NORMAL),
        Float.MAX_VALUE,
        -Float.MAX_VALUE,
        1e19f,
        -1e-23f,
        0x1p-126f,
        0x1p63f,
    };

    /** The next number. */
    float next(SplittableRandom random);

    /** Normally distributed. */
    static Signal normal(double deviation) {
        return random -> (float) (random.nextGaussian() * deviation);
    }

    /** Either sign, magnitudes spread evenly over these powers of two. */
    static Signal magnitudes(int smallest, int largest) {
        return random -> {
            double magnitude = StrictMath.pow(2, random.nextDouble(smallest, largest));
            return (float) (random.nextBoolean() ? magnitude : -magnitude);
        };
    }

    /** Mostly {@link #SPECIAL} numbers, with ordinary ones between them. */
    static Signal special() {
        return random ->
                random.nextInt(4) == 0
                        ? (float) random.nextGaussian()
                        : SPECIAL[random.nextInt(SPECIAL.length)];
    }
}
