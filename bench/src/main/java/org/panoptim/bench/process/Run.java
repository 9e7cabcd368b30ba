package org.panoptim.bench.process;

/**
 * A fresh process's way to its first step, in milliseconds.
 *
 * @param backend the backend's name
 * @param cached whether the process started from an AOT cache
 * @param opened from the beginning of main until the backend was open
 * @param built from the beginning of main until the optimizer was built
 * @param stepped from the beginning of main until the first step was done
 * @param wall from the start of the process until it had told of its first step
 */
public record Run(
        String backend, boolean cached, double opened, double built, double stepped, double wall) {}
