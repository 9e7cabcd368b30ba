package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * What one side does in its turn: one long body, or several short ones.
 *
 * <p>Before them it runs untimed for a moment, unless a body is long itself: it finds in the caches
 * what the other side left there, and a processor that has rested takes some milliseconds to come
 * back to its speed.
 */
final class Turn {

    private static final int MOST_REPETITIONS = 100;
    private static final long LONG_ENOUGH_NANOS = 5_000_000;
    private static final long LEAD_IN_NANOS = 10_000_000;

    /** A body that takes longer than this loses little by a slow beginning. */
    private static final long LONG_BODY_NANOS = 5 * LEAD_IN_NANOS;

    private static final long WARM_NANOS = 250_000_000;

    private final LongSupplier body;
    private int repetitions = 1;
    private double nanosOfBody;
    private long bodies;

    /** A side whose body returns how many nanoseconds it took; see {@link Pair#timed}. */
    Turn(LongSupplier body) {
        this.body = body;
    }

    /** Runs the body, untimed, until compilers have had their say. */
    void warmUp() {
        plan(runFor(WARM_NANOS));
    }

    /** Takes its turn, and returns the mean nanoseconds of a body. */
    double take() {
        if (nanosOfBody < LONG_BODY_NANOS) {
            runFor(LEAD_IN_NANOS);
        }
        long nanos = 0;
        for (int i = 0; i < repetitions; i++) {
            nanos += run();
        }
        double mean = (double) nanos / repetitions;
        plan(mean);
        return mean;
    }

    /** Runs the body for so long, at least once, and returns the mean nanoseconds it took. */
    private double runFor(long duration) {
        long bodiesBefore = bodies;
        long nanos = 0;
        long start = System.nanoTime();
        do {
            nanos += run();
        } while (System.nanoTime() - start < duration);
        return (double) nanos / (bodies - bodiesBefore);
    }

    private void plan(double nanos) {
        nanosOfBody = nanos;
        double wanted = LONG_ENOUGH_NANOS / Math.max(1, nanos);
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
