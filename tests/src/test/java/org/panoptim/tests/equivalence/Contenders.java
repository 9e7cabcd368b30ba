package org.panoptim.tests.equivalence;

import org.panoptim.Backend;
import org.panoptim.simd.SimdBackend;
import org.panoptim.simd.SimdOptions;

import java.lang.foreign.StructLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The backends that the suite compares. */
final class Contenders {

    private static final int MOST_THREADS = 3;

    private Contenders() {}

    /** The yardstick. */
    static Contender reference() {
        return new Contender("reference", () -> Backend.named("reference"));
    }

    /** All that must equal the reference in this run of the suite. */
    static List<Contender> challengers() {
        return challengers(Map.of());
    }

    /** The same, told of kernels of one's own. */
    static List<Contender> challengers(Map<String, StructLayout> ownRules) {
        return VirtualGpu.isChosen()
                ? VirtualGpu.contenders(ownRules)
                : simd(
                        new SimdOptions(
                                Optional.empty(), SimdOptions.defaults().threads(), ownRules));
    }

    /** The reference and all that must equal it. */
    static List<Contender> all() {
        return Stream.concat(Stream.of(reference()), challengers().stream()).toList();
    }

    /** Every tier that can run here, with one thread, as many as a small machine has, and more. */
    private static List<Contender> simd(SimdOptions options) {
        return SimdBackend.usableTiers().stream()
                .map(options::withTier)
                .flatMap(tier -> IntStream.rangeClosed(1, MOST_THREADS).mapToObj(tier::withThreads))
                .map(
                        chosen ->
                                new Contender(
                                        "simd "
                                                + chosen.tier().orElseThrow().label()
                                                + " on "
                                                + chosen.threads(),
                                        () -> SimdBackend.open(chosen)))
                .toList();
    }
}
