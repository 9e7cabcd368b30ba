package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * What one side does in its turn: one long body, or several short ones of which the first is not
 * timed, for it finds in the caches what the other side left there.
 */
final class Turn {

    private static final int MOST_REPETITIONS = 100;
    private static final long LONG_ENOUGH_NANOS = 5_000_000;
    private static final long WARM_NANOS = 250_000_000;

    private final LongSupplier body;
    private int repetitions = 1;
    private long bodies;

    /** A side whose body returns how many nanoseconds it took; see {@link Pair#timed}. */
    Turn(LongSupplier body) {
        this.body = body;
    }

    /** Runs the body, untimed, until compilers have had their say. */
    void warmUp() {
        long bodiesBefore = bodies;
        long nanos = 0;
        long start = System.nanoTime();
        do {
            nanos += run();
        } while (System.nanoTime() - start < WARM_NANOS);
        plan((double) nanos / (bodies - bodiesBefore));
    }

    /** Takes its turn, and returns the mean nanoseconds of a body. */
    double take() {
        if (repetitions > 1) {
            run();
        }
        long nanos = 0;
        for (int i = 0; i < repetitions; i++) {
            nanos += run();
        }
        double mean = (double) nanos / repetitions;
        plan(mean);
        return mean;
    }

    private void plan(double nanosOfBody) {
        double wanted = LONG_ENOUGH_NANOS / Math.max(1, nanosOfBody);
        repetitions = (int) Math.clamp(wanted, 1, MOST_REPETITIONS);
    }

    private long run() {
        bodies++;
        return body.getAsLong();
    }

    /** How many bodies have run. */
    long bodies() {
        return bodies;
    }
}
