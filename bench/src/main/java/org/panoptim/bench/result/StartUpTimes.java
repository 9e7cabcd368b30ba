package org.panoptim.bench.result;

/**
 * The first step of fresh processes.
 *
 * @param backend where it was computed
 * @param cached whether the process had an ahead-of-time cache
 * @param opened milliseconds from the begin of main until the backend was open, for each process
 * @param built until the optimizer was built
 * @param stepped until the first step was done
 * @param process from the start of the process until the first step was done
 */
public record StartUpTimes(
        String backend,
        boolean cached,
        double[] opened,
        double[] built,
        double[] stepped,
        double[] process) {}
