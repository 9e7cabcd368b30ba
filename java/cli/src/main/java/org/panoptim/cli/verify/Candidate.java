package org.panoptim.cli.verify;

import org.panoptim.backend.Backend;
import org.panoptim.simd.SimdBackend;
import org.panoptim.simd.SimdOptions;
import org.panoptim.simd.SimdProvider;
import org.panoptim.simd.Tier;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Scenario;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A backend that is compared with the reference: as it is opened usually and, if it is the SIMD
 * backend, with every instruction set and with several numbers of threads; if it computes on a
 * device, with steps that are captured once and replayed.
 *
 * @param usual as the backend's name opens it
 * @param others the other configurations
 */
public record Candidate(BackendUnderTest usual, List<BackendUnderTest> others)
        implements AutoCloseable {

    /** One thread, as many as a small machine has, and more. */
    private static final int MOST_THREADS = 3;

    private static final String CAPTURED = "captured steps";

    /** Copies the list. */
    public Candidate {
        others = List.copyOf(others);
    }

    /** A backend, which is closed with this, and its other configurations. */
    public static Candidate of(Backend backend) {
        var usual = named(backend);
        var others = new ArrayList<BackendUnderTest>();
        try {
            if (backend instanceof SimdBackend simd) {
                configurations(simd)
                        .forEach(options -> others.add(named(SimdBackend.open(options))));
            }
            if (!backend.usesHostMemory()) {
                var name = usual.name() + ", " + CAPTURED;
                others.add(new BackendUnderTest(name, backend, () -> {}, true));
            }
            return new Candidate(usual, others);
        } catch (RuntimeException | Error e) {
            others.forEach(BackendUnderTest::close);
            throw e;
        }
    }

    private static BackendUnderTest named(Backend backend) {
        return new BackendUnderTest(
                backend.name() + " (" + backend.description() + ")", backend, () -> {});
    }

    /** All but the one that the backend has. */
    private static Stream<SimdOptions> configurations(SimdBackend simd) {
        // A tier that is forced is the only one.
        var forced = System.getenv(SimdProvider.VARIABLE);
        var tiers =
                forced == null || forced.isEmpty()
                        ? SimdBackend.usableTiers()
                        : List.of(simd.tier());
        return tiers.stream()
                .flatMap(
                        tier ->
                                IntStream.rangeClosed(1, MOST_THREADS)
                                        .filter(
                                                threads ->
                                                        tier != simd.tier()
                                                                || threads != simd.threads())
                                        .mapToObj(
                                                SimdOptions.defaults().withTier(tier)
                                                        ::withThreads));
    }

    /** The other configurations that a scenario can run on: companions' steps are not captured. */
    List<BackendUnderTest> othersFor(Scenario scenario) {
        return others.stream()
                .filter(other -> !other.captured() || scenario.companions().isEmpty())
                .toList();
    }

    /** The backend's name. */
    public String name() {
        return usual.backend().name();
    }

    /** Every configuration, the usual one first. */
    public List<BackendUnderTest> all() {
        return Stream.concat(Stream.of(usual), others.stream()).toList();
    }

    /** The configurations that differ in more than how steps are taken. */
    public List<BackendUnderTest> ofEngines() {
        return all().stream().filter(each -> !each.captured()).toList();
    }

    /** Whether a result is one of this backend's, in any configuration. */
    boolean has(String subject) {
        return all().stream().anyMatch(each -> each.name().equals(subject));
    }

    /**
     * How some of every rule's scenarios ran besides, for example {@code and companion ran on each
     * of these, too: avx2 on 1, 2 and 3 threads}, or {@code ran with captured steps, too}.
     */
    String othersInWords() {
        boolean captured = others.stream().anyMatch(BackendUnderTest::captured);
        return captured
                ? " ran with " + CAPTURED + ", too"
                : " and companion ran on each of these, too: " + tiersInWords();
    }

    private String tiersInWords() {
        var threads = new LinkedHashMap<Tier, List<String>>();
        for (var other : others) {
            var simd = (SimdBackend) other.backend();
            threads.computeIfAbsent(simd.tier(), _ -> new ArrayList<>())
                    .add(Integer.toString(simd.threads()));
        }
        return threads.entrySet().stream()
                .map(
                        entry ->
                                entry.getKey().label()
                                        + " on "
                                        + listed(entry.getValue())
                                        + (entry.getValue().equals(List.of("1"))
                                                ? " thread"
                                                : " threads"))
                .reduce((one, other) -> one + "; " + other)
                .orElse("");
    }

    private static String listed(List<String> words) {
        return words.size() == 1
                ? words.getFirst()
                : String.join(", ", words.subList(0, words.size() - 1)) + " and " + words.getLast();
    }

    @Override
    public void close() {
        usual.close();
        others.forEach(BackendUnderTest::close);
    }
}
