package org.panoptim.bench;

import java.util.function.LongSupplier;

/**
 * Times a baseline and a step in turn, so that other load on the machine affects both alike; the
 * order alternates from call to call.
 */
final class InterleavedTimer {

    private final TimedSide baseline;
    private final TimedSide step;
    private final Runnable between;
    private boolean swapped;

    /**
     * Two bodies that return how many nanoseconds they took; see {@link #timed}.
     *
     * @param baseline added to {@link StepBenchmark.Times#baseline}
     * @param step added to {@link StepBenchmark.Times#step}
     * @param between runs after each turn, untimed
     */
    InterleavedTimer(LongSupplier baseline, LongSupplier step, Runnable between) {
        this.baseline = new TimedSide(baseline);
        this.step = new TimedSide(step);
        this.between = between;
    }

    /** A body that returns how many nanoseconds it took. */
    static LongSupplier timed(Runnable body) {
        return () -> {
            long start = System.nanoTime();
            body.run();
            return System.nanoTime() - start;
        };
    }

    /** Runs both untimed until they are compiled. */
    void warmUp() {
        baseline.warmUp();
        between.run();
        step.warmUp();
        between.run();
    }

    /** Lets both take a turn, and adds what their bodies took. */
    void run(StepBenchmark.Times times) {
        long before = step.bodies();
        if (swapped) {
            times.step += take(step);
            times.baseline += take(baseline);
        } else {
            times.baseline += take(baseline);
            times.step += take(step);
        }
        times.turns++;
        times.steps += step.bodies() - before;
        swapped = !swapped;
    }

    private double take(TimedSide side) {
        double nanos = side.take();
        between.run();
        return nanos;
    }
}
