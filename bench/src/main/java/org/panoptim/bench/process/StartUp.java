package org.panoptim.bench.process;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Measures the first step of fresh processes for each backend, with an AOT cache and without.
 *
 * <p>The CUDA backends run over the virtual GPU, or over the driver that this process finds: see
 * {@link Driver}.
 */
public final class StartUp {

    private static final double NANOS_PER_MILLI = 1e6;

    private StartUp() {}

    /** The CUDA driver of the processes. */
    public enum Driver {
        /** The one that this process finds. */
        INHERITED,
        /**
         * The virtual GPU's, if it is here: the system property {@code panoptim.virtual-gpu} names
         * its folder and {@code panoptim.virtual-kernels} its kernels.
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
        try (var temporary = TemporaryFolder.create()) {
            var folder = temporary.path();
            var java = new FreshJava(folder, driver);
            for (var backend : backends) {
                firstStep(java, backend, false, "-XX:AOTCacheOutput=" + cache(folder, backend));
            }
            var results = new ArrayList<Run>();
            for (int run = 0; run < runs; run++) {
                for (var backend : backends) {
                    results.add(firstStep(java, backend, false));
                    results.add(
                            firstStep(
                                    java,
                                    backend,
                                    true,
                                    "-XX:AOTCache=" + cache(folder, backend),
                                    // A cache that does not fit is otherwise passed over silently.
                                    "-XX:AOTMode=on"));
                }
            }
            return results;
        }
    }

    private static Run firstStep(FreshJava java, String backend, boolean cached, String... options)
            throws IOException {
        var output =
                java.run(
                        "the first step of backend " + backend,
                        FirstStep.class,
                        FirstStep.MARK,
                        List.of(options),
                        backend);
        return new Run(
                backend,
                cached,
                millis(output.words().get(0)),
                millis(output.words().get(1)),
                millis(output.words().get(2)),
                output.nanos() / NANOS_PER_MILLI);
    }

    private static double millis(String nanos) {
        return Long.parseLong(nanos) / NANOS_PER_MILLI;
    }

    private static Path cache(Path folder, String backend) {
        return folder.resolve(backend + ".aot");
    }

    /**
     * A fresh process's way to its first step, in milliseconds.
     *
     * @param backend the backend's name
     * @param cached whether the process started from an AOT cache
     * @param opened from the beginning of main until the backend was open
     * @param built from the beginning of main until the optimizer was built
     * @param stepped from the beginning of main until the first step was done
     * @param wall from the start of the process until it had reported its first step
     */
    public record Run(
            String backend,
            boolean cached,
            double opened,
            double built,
            double stepped,
            double wall) {}
}
