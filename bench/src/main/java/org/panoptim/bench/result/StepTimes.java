package org.panoptim.bench.result;

import java.util.Arrays;

/**
 * A step, and in turn with it what it was measured beside.
 *
 * @param workload the tensors, by the name of a {@link org.panoptim.bench.Workload}
 * @param work the name of a {@link org.panoptim.bench.Work}
 * @param backend where the step was computed
 * @param opponent what it was measured beside; {@code none}: nothing
 * @param description the opponent in words
 * @param tensors how many
 * @param elements of all tensors
 * @param step nanoseconds of a step, for each iteration
 * @param beside nanoseconds of the opponent, for each iteration; none if there is no opponent
 * @param allocated bytes of Java's heap in a step and its opponent
 */
public record StepTimes(
        String workload,
        String work,
        String backend,
        String opponent,
        String description,
        int tensors,
        long elements,
        double[] step,
        double[] beside,
        double allocated) {

    /** Seconds of a step. */
    public Spread seconds() {
        return Spread.of(step).times(1e-9);
    }

    /** Seconds of the opponent. */
    public Spread secondsBeside() {
        return Spread.of(beside).times(1e-9);
    }

    /** How many times as long the opponent took. */
    public Spread advantage() {
        var ratios = new double[step.length];
        Arrays.setAll(ratios, i -> beside[i] / step[i]);
        return Spread.of(ratios);
    }

    /** Whether it was measured beside the machine's limit. */
    public boolean isBesideLimit() {
        return opponent.equals("limit");
    }
}
