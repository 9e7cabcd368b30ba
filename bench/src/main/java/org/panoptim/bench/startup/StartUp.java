package org.panoptim.bench.startup;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Measures the first step of fresh processes for each backend, with an AOT cache and without.
 *
 * <p>The CUDA backends run over the virtual GPU: the system property {@code panoptim.virtual-gpu}
 * names the folder of its driver and {@code panoptim.kernels} its kernels.
 */
public final class StartUp {

    private static final int RUNS = 11;

    private StartUp() {}

    /**
     * Prints a table of medians, smallest and largest.
     *
     * @param arguments how often to run each; 11 times by default
     */
    public static void main(String[] arguments) throws IOException {
        int runs = arguments.length > 0 ? Integer.parseInt(arguments[0]) : RUNS;
        print(measure(backends(), runs));
    }

    /** The backends that can be measured here; says in one line what is left out. */
    public static List<String> backends() {
        var backends = new ArrayList<>(List.of("reference", "simd"));
        if (System.getProperty(FreshJava.VIRTUAL_GPU) == null) {
            System.err.println(
                    "The CUDA backends are left out, since system property "
                            + FreshJava.VIRTUAL_GPU
                            + " does not name the virtual GPU's folder.");
        } else {
            backends.addAll(List.of("cuda-ffm", "cuda-jcuda"));
        }
        return backends;
    }

    /**
     * Makes an AOT cache for each backend, and then runs them in turn: without the cache, with it.
     *
     * @param runs how often each is run, at least 1
     * @throws IllegalStateException if a process fails, with its output
     */
    public static List<Run> measure(List<String> backends, int runs) throws IOException {
        var folder = Files.createTempDirectory("panoptim-start-up-");
        try {
            var java = new FreshJava(folder);
            for (var backend : backends) {
                java.firstStep(backend, false, "-XX:AOTCacheOutput=" + cache(folder, backend));
            }
            var results = new ArrayList<Run>();
            for (int run = 0; run < runs; run++) {
                for (var backend : backends) {
                    results.add(java.firstStep(backend, false));
                    results.add(
                            java.firstStep(
                                    backend,
                                    true,
                                    "-XX:AOTCache=" + cache(folder, backend),
                                    // A cache that does not fit is otherwise passed over silently.
                                    "-XX:AOTMode=on"));
                }
            }
            return results;
        } finally {
            delete(folder);
        }
    }

    private static Path cache(Path folder, String backend) {
        return folder.resolve(backend + ".aot");
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** Prints a row for each backend, without and with the cache. */
    public static void print(List<Run> runs) {
        System.out.println(
                "| backend | AOT cache | backend opened | optimizer built | first step done | whole"
                        + " process |");
        System.out.println("|---|---|---|---|---|---|");
        var backends = new LinkedHashSet<String>();
        runs.forEach(run -> backends.add(run.backend()));
        for (var backend : backends) {
            for (boolean cached : new boolean[] {false, true}) {
                var chosen =
                        runs.stream()
                                .filter(run -> run.backend().equals(backend))
                                .filter(run -> run.cached() == cached)
                                .toList();
                System.out.printf(
                        Locale.ROOT,
                        "| `%s` | %s | %s | %s | %s | %s |%n",
                        backend,
                        cached ? "yes" : "no",
                        figure(chosen, Run::opened),
                        figure(chosen, Run::built),
                        figure(chosen, Run::stepped),
                        figure(chosen, Run::wall));
            }
        }
    }

    private static String figure(List<Run> runs, ToDoubleFunction<Run> phase) {
        var sorted = runs.stream().mapToDouble(phase).sorted().toArray();
        return String.format(
                Locale.ROOT,
                "%.0f ms (%.0f to %.0f)",
                sorted[sorted.length / 2],
                sorted[0],
                sorted[sorted.length - 1]);
    }
}
