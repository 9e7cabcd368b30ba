package org.panoptim.bench;

/**
 * Times two bodies in turn, so that whatever else the machine does meets both alike; the order
 * changes from call to call.
 */
final class Pair {

    private final Runnable first;
    private final Runnable second;
    private boolean swapped;

    Pair(Runnable first, Runnable second) {
        this.first = first;
        this.second = second;
    }

    /** Runs both once and adds the nanoseconds that each took. */
    void run(PairTimes times) {
        if (swapped) {
            times.second += nanos(second);
            times.first += nanos(first);
        } else {
            times.first += nanos(first);
            times.second += nanos(second);
        }
        swapped = !swapped;
    }

    private static long nanos(Runnable body) {
        long start = System.nanoTime();
        body.run();
        return System.nanoTime() - start;
    }
}
