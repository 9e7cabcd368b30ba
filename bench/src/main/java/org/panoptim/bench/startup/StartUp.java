package org.panoptim.bench.startup;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Measures the first step of fresh processes for each backend, with an AOT cache and without.
 *
 * <p>The CUDA backends run over the virtual GPU, or over the driver that this process finds: see
 * {@link Driver}.
 */
public final class StartUp {

    private StartUp() {}

    /** The CUDA driver of the processes. */
    public enum Driver {
        /** The one that this process finds. */
        INHERITED,
        /**
         * The virtual GPU's, if it is here: the system property {@code panoptim.virtual-gpu} names
         * its folder and {@code panoptim.kernels} its kernels.
         */
        VIRTUAL
    }

    /**
     * Makes an AOT cache for each backend, and then runs them in turn: without the cache, with it.
     *
     * @param runs how often each is run, at least 1
     * @throws IllegalStateException if a process fails, with its output
     */
    public static List<Run> measure(List<String> backends, int runs, Driver driver)
            throws IOException {
        var folder = Files.createTempDirectory("panoptim-start-up-");
        try {
            var java = new FreshJava(folder, driver);
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
}
