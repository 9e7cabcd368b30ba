package org.panoptim.simd;

import java.lang.foreign.StructLayout;
import java.util.Map;
import java.util.Optional;

/**
 * How a SIMD backend runs.
 *
 * @param tier the instruction set, or empty for the best that works here
 * @param threads how many threads work on a step, the caller's included; at least 1
 * @param ownRules the hyper-parameter structures of kernels that a library built with more rules
 *     has, by kernel name
 */
public record SimdOptions(Optional<Tier> tier, int threads, Map<String, StructLayout> ownRules) {

    /** Checks the components and copies the map. */
    public SimdOptions {
        ownRules = Map.copyOf(ownRules);
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, but is " + threads);
        }
    }

    /** The best tier, and a thread for each processor. */
    public static SimdOptions defaults() {
        return new SimdOptions(
                Optional.empty(), Runtime.getRuntime().availableProcessors(), Map.of());
    }

    /** These options with this tier. */
    public SimdOptions withTier(Tier value) {
        return new SimdOptions(Optional.of(value), threads, ownRules);
    }

    /** These options with so many threads. */
    public SimdOptions withThreads(int value) {
        return new SimdOptions(tier, value, ownRules);
    }

    /** These options with a kernel of one's own. */
    public SimdOptions withRule(String kernel, StructLayout hyper) {
        var rules = new java.util.HashMap<>(ownRules);
        rules.put(kernel, hyper);
        return new SimdOptions(tier, threads, rules);
    }
}
