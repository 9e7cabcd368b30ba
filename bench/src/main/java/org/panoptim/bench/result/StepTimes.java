package org.panoptim.bench.result;

import com.google.gson.annotations.SerializedName;

import java.util.Arrays;

/**
 * A step, interleaved with the baseline that it was compared with. Files keep the names that the
 * components once had.
 *
 * @param workload the tensors, by the name of a {@link org.panoptim.bench.Workload}
 * @param scenario the name of a {@link org.panoptim.bench.Scenario}
 * @param backend where the step was computed
 * @param baseline what it was compared with, by name; {@code none}: nothing
 * @param description the baseline in words
 * @param tensors how many
 * @param elements of all tensors
 * @param step nanoseconds of a step, for each iteration
 * @param baselineNanos nanoseconds of the baseline, for each iteration; none if there is no
 *     baseline
 * @param allocated bytes of Java's heap in a step and its baseline
 */
public record StepTimes(
        String workload,
        @SerializedName("work") String scenario,
        String backend,
        @SerializedName("opponent") String baseline,
        String description,
        int tensors,
        long elements,
        double[] step,
        @SerializedName("beside") double[] baselineNanos,
        double allocated) {

    /** Seconds of a step. */
    public Spread seconds() {
        return Spread.of(step).times(1e-9);
    }

    /** Seconds of the baseline. */
    public Spread baselineSeconds() {
        return Spread.of(baselineNanos).times(1e-9);
    }

    /** How many times as long the baseline took. */
    public Spread advantage() {
        var ratios = new double[step.length];
        Arrays.setAll(ratios, i -> baselineNanos[i] / step[i]);
        return Spread.of(ratios);
    }

    /** Whether it was compared with the machine's limit. */
    public boolean isComparedWithLimit() {
        return baseline.equals("limit");
    }

    /** Whether it was compared with the step of as many floats. */
    public boolean isComparedWithFloats() {
        return baseline.equals("floats");
    }

    /** Whether it was compared with another library. */
    public boolean isComparedWithPeer() {
        return baselineNanos.length > 0 && !isComparedWithLimit() && !isComparedWithFloats();
    }
}
