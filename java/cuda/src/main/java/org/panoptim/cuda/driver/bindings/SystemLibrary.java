package org.panoptim.cuda.driver.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.jspecify.annotations.NullMarked;
import org.panoptim.abi.WordCalls;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A library of the system, found by its loader under a name, where the bindings look functions up.
 * Several class loaders of a process may each open it: opened this way, unlike by {@link
 * System#load}, a library belongs to none of them.
 */
@NullMarked
public final class SystemLibrary {

    private static final int CUDA_13 = 13000;

    private static final List<String> CUBLAS =
            List.of("libcublas.so.13", "libcublas.so.12", "libcublas.so.11");

    /** On a driver older than CUDA 13.0, that of CUDA 13 loads but cannot be opened. */
    private static final List<String> CUBLAS_OF_OLDER_DRIVERS =
            List.of("libcublas.so.12", "libcublas.so.11", "libcublas.so.13");

    /** Names NCCL's file where the system's loader does not find it. */
    public static final String NCCL_PROPERTY = "panoptim.nccl";

    private final List<String> tried = new ArrayList<>();
    private SymbolLookup symbols = _ -> Optional.empty();
    private boolean loaded;

    /**
     * Loads the first of several libraries that is there.
     *
     * @param symbol one that it must have
     */
    private SystemLibrary(String symbol, List<String> names) {
        for (var name : names) {
            var problem = load(name, symbol);
            tried.add(name + ": " + problem.orElse("loaded"));
            if (problem.isEmpty()) {
                loaded = true;
                return;
            }
        }
    }

    /** CUDA's driver, {@code libcuda.so.1}. */
    public static SystemLibrary cuda() {
        return CudaHolder.LIBRARY;
    }

    /**
     * cuBLAS, {@code libcublas.so.13}, {@code .12} or {@code .11}, in this order; on a driver older
     * than CUDA 13.0, {@code .13} comes last.
     */
    public static SystemLibrary cublas() {
        return CublasHolder.LIBRARY;
    }

    /**
     * NCCL, {@code libnccl.so.2}, or the file that the system property {@value #NCCL_PROPERTY}
     * names; 2.14 or later.
     */
    public static SystemLibrary nccl() {
        return NcclHolder.LIBRARY;
    }

    /** Whether one was loaded. */
    public boolean loaded() {
        return loaded;
    }

    /** Its functions; none if no library was loaded. */
    public SymbolLookup symbols() {
        return symbols;
    }

    /** The names that were tried, each with its outcome. */
    public List<String> tried() {
        return List.copyOf(tried);
    }

    private Optional<String> load(String name, String symbol) {
        try {
            // The global arena, since a library that has run must not be unloaded.
            var lookup = SymbolLookup.libraryLookup(name, Arena.global());
            if (lookup.find(symbol).isEmpty()) {
                return Optional.of("has no symbol " + symbol);
            }
            symbols = lookup;
            return Optional.empty();
        } catch (IllegalArgumentException _) {
            return Optional.of("not found by the system's loader");
        } catch (IllegalCallerException e) {
            return Optional.of("cannot be loaded: " + e.getMessage());
        }
    }

    private static final class CudaHolder {
        static final SystemLibrary LIBRARY =
                new SystemLibrary("cuDriverGetVersion", List.of("libcuda.so.1"));
    }

    private static final class NcclHolder {
        static final SystemLibrary LIBRARY =
                new SystemLibrary(
                        "ncclCommInitRankConfig",
                        List.of(System.getProperty(NCCL_PROPERTY, "libnccl.so.2")));
    }

    private static final class CublasHolder {
        static final SystemLibrary LIBRARY =
                new SystemLibrary(
                        "cublasCreate_v2",
                        cuda().loaded() && driverVersion() < CUDA_13
                                ? CUBLAS_OF_OLDER_DRIVERS
                                : CUBLAS);

        private static int driverVersion() {
            try (var arena = Arena.ofConfined()) {
                var version = arena.allocate(JAVA_INT);
                var function = cuda().symbols().findOrThrow("cuDriverGetVersion");
                WordCalls.call(WordCalls.function(function), version.address());
                return version.get(JAVA_INT, 0);
            }
        }
    }
}
