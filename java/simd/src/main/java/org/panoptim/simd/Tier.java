package org.panoptim.simd;

import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_AVX2;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_AVX512;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_BASELINE;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_CPU_LACKS;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_NEON;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_NOT_BUILT;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_SYSTEM_DISABLED;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_TIER_USABLE;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** An instruction set that the kernels are compiled for; the most preferred first. */
public enum Tier {
    /** x86-64 with AVX-512 F, VL, DQ and BW. */
    AVX512(PANOPTIM_TIER_AVX512()),
    /** x86-64 with AVX2. */
    AVX2(PANOPTIM_TIER_AVX2()),
    /** 64-bit ARM. */
    NEON(PANOPTIM_TIER_NEON()),
    /** Any x86-64. */
    BASELINE(PANOPTIM_TIER_BASELINE());

    private final int code;

    Tier(int code) {
        this.code = code;
    }

    /** The library's number for it. */
    int code() {
        return code;
    }

    /** The name as {@code PANOPTIM_SIMD} takes it: {@code avx512}, {@code avx2}, … */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The tier of that label.
     *
     * @throws IllegalArgumentException if there is none; the message lists the labels
     */
    public static Tier labelled(String label) {
        return Arrays.stream(values())
                .filter(tier -> tier.label().equals(label))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no SIMD tier '"
                                                + label
                                                + "'; the tiers are "
                                                + Arrays.stream(values())
                                                        .map(Tier::label)
                                                        .collect(Collectors.joining(", "))));
    }

    /**
     * Why this tier cannot run here, or nothing if it can. The library must be loaded.
     *
     * @throws IllegalStateException if the library returns a value that these bindings do not know
     */
    Optional<String> obstacle() {
        int result = StepCalls.tierProbe(code);
        if (result == PANOPTIM_TIER_USABLE()) {
            return Optional.empty();
        } else if (result == PANOPTIM_TIER_NOT_BUILT()) {
            return Optional.of("not built into the library for this architecture");
        } else if (result == PANOPTIM_TIER_CPU_LACKS()) {
            return Optional.of("the CPU lacks it");
        } else if (result == PANOPTIM_TIER_SYSTEM_DISABLED()) {
            return Optional.of("the CPU has it, but the operating system disabled it");
        }
        throw new IllegalStateException("panoptim_tier_probe(" + label() + ") returned " + result);
    }
}
