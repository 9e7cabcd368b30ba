package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * One of two sides that are timed in turn: a turn runs one long body, or several short ones.
 *
 * <p>A turn of short bodies starts with an untimed lead-in: the caches hold what the other side
 * left there, and an idle processor takes some milliseconds to return to its full speed.
 */
final class TimedSide {

    private static final int MOST_REPETITIONS = 100;
    private static final long LONG_ENOUGH_NANOS = 5_000_000;
    private static final int LONGEST_LEAD_IN = 200;
    private static final long LEAD_IN_NANOS = 10_000_000;

    /** A body that takes longer than this loses little by a slow beginning. */
    private static final long LONG_BODY_NANOS = 5 * LEAD_IN_NANOS;

    private static final long WARM_NANOS = 250_000_000;

    private final LongSupplier body;
    private int repetitions = 1;
    private int leadIn;
    private long bodies;

    /**
     * A side whose body returns how many nanoseconds it took; see {@link InterleavedTimer#timed}.
     */
    TimedSide(LongSupplier body) {
        this.body = body;
    }

    /** Runs the body untimed until it is compiled. */
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
        for (int i = 0; i < leadIn; i++) {
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
        double nanos = Math.max(1, nanosOfBody);
        repetitions = (int) Math.clamp(LONG_ENOUGH_NANOS / nanos, 1, MOST_REPETITIONS);
        leadIn =
                nanos > LONG_BODY_NANOS
                        ? 0
                        : (int) Math.clamp(LEAD_IN_NANOS / nanos, 1, LONGEST_LEAD_IN);
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
