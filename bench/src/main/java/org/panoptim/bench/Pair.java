package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * Times two sides in turn, so that whatever else the machine does meets both alike; the order
 * changes from call to call.
 */
final class Pair {

    private final Turn first;
    private final Turn second;
    private final Runnable between;
    private boolean swapped;

    /**
     * Two bodies that return how many nanoseconds they took; see {@link #timed}.
     *
     * @param first added to {@link PairTimes#first}
     * @param second added to {@link PairTimes#second}
     * @param between runs after each turn, untimed
     */
    Pair(LongSupplier first, LongSupplier second, Runnable between) {
        this.first = new Turn(first);
        this.second = new Turn(second);
        this.between = between;
    }

    /** A body with a watch. */
    static LongSupplier timed(Runnable body) {
        return () -> {
            long start = System.nanoTime();
            body.run();
            return System.nanoTime() - start;
        };
    }

    /** Lets both run for a moment, untimed, so that no turn is taken by code not yet compiled. */
    void warmUp() {
        first.warmUp();
        between.run();
        second.warmUp();
        between.run();
    }

    /** Lets both take a turn, and adds what their bodies took. */
    void run(PairTimes times) {
        long before = second.bodies();
        if (swapped) {
            times.second += take(second);
            times.first += take(first);
        } else {
            times.first += take(first);
            times.second += take(second);
        }
        times.turns++;
        times.steps += second.bodies() - before;
        swapped = !swapped;
    }

    private double take(Turn turn) {
        double nanos = turn.take();
        between.run();
        return nanos;
    }
}
