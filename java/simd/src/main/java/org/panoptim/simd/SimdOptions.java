package org.panoptim.simd;

import java.util.Optional;

/**
 * How a SIMD backend runs.
 *
 * @param tier the instruction set, or empty for the best that works here
 * @param threads how many threads work on a step, the caller's included; at least 1
 */
public record SimdOptions(Optional<Tier> tier, int threads) {

    /** Checks the components. */
    public SimdOptions {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, but is " + threads);
        }
    }

    /** The best tier, and a thread for each processor. */
    public static SimdOptions defaults() {
        return new SimdOptions(Optional.empty(), Runtime.getRuntime().availableProcessors());
    }

    /** These options with this tier. */
    public SimdOptions withTier(Tier value) {
        return new SimdOptions(Optional.of(value), threads);
    }

    /** These options with so many threads. */
    public SimdOptions withThreads(int value) {
        return new SimdOptions(tier, value);
    }
}
