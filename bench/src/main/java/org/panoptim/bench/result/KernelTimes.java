package org.panoptim.bench.result;

/**
 * A kernel by itself.
 *
 * @param workload the tensors, by the name of a {@link org.panoptim.bench.Workload}; with {@link
 *     #KFAC} as rule, a model, by the name of a {@link org.panoptim.bench.FactorSizes}
 * @param rule the optimizer's rule by name, or {@link #KFAC}
 * @param work what was done; "" for what kernels of all work are compared with
 * @param backend where
 * @param kernel its name, or {@link #COPY} or {@link #NOTHING}
 * @param launches in one such work
 * @param bytes that a launch reads and writes; 0: not known
 * @param copy bytes a second that the copy read and wrote
 * @param nanos nanoseconds of a launch on the device, for each that was timed
 */
public record KernelTimes(
        String workload,
        String rule,
        String work,
        String backend,
        String kernel,
        int launches,
        long bytes,
        double copy,
        double[] nanos) {

    /** Stands for a rule where Kronecker factors are the work. */
    public static final String KFAC = "kfac";

    /** What kernels are compared with. */
    public static final String COPY = "copy within the device's memory";

    /** What two events take with nothing between them, which is a part of every other time. */
    public static final String NOTHING = "nothing between two events";

    /** Seconds of a launch. */
    public Spread seconds() {
        return Spread.of(nanos).times(1e-9);
    }

    /** Whether it is known how many bytes it moves. */
    public boolean hasBytes() {
        return bytes > 0;
    }

    /** Bytes a second, where they are known. */
    public Spread bandwidth() {
        return seconds().inverse().times(bytes);
    }

    /** Its bandwidth, where that is known, by the copy's. */
    public Spread share() {
        return bandwidth().times(1 / copy);
    }
}
