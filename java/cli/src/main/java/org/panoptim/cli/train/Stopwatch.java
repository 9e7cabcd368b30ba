package org.panoptim.cli.train;

/** Measures time that passes with interruptions. */
final class Stopwatch {

    private long sumNanos;
    private long sinceNanos;
    private boolean runs;

    /** Goes on. */
    void start() {
        sinceNanos = System.nanoTime();
        runs = true;
    }

    /** Stands still. */
    void stop() {
        sumNanos = nanos();
        runs = false;
    }

    /** Seconds so far. */
    double seconds() {
        return nanos() / 1e9;
    }

    private long nanos() {
        return runs ? sumNanos + System.nanoTime() - sinceNanos : sumNanos;
    }
}
