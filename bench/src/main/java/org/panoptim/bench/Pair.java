package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * Times two bodies in turn, so that whatever else the machine does meets both alike; the order
 * changes from call to call.
 */
final class Pair {

    private final LongSupplier first;
    private final LongSupplier second;
    private boolean swapped;

    /**
     * Two bodies that return how many nanoseconds they took; see {@link #timed}.
     *
     * @param first added to {@link PairTimes#first}
     * @param second added to {@link PairTimes#second}
     */
    Pair(LongSupplier first, LongSupplier second) {
        this.first = first;
        this.second = second;
    }

    /** A body with a watch. */
    static LongSupplier timed(Runnable body) {
        return () -> {
            long start = System.nanoTime();
            body.run();
            return System.nanoTime() - start;
        };
    }

    /** Runs both once and adds the nanoseconds that each took. */
    void run(PairTimes times) {
        if (swapped) {
            times.second += second.getAsLong();
            times.first += first.getAsLong();
        } else {
            times.first += first.getAsLong();
            times.second += second.getAsLong();
        }
        times.calls++;
        swapped = !swapped;
    }
}
