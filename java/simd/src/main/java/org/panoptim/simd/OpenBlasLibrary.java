package org.panoptim.simd;

import org.jspecify.annotations.Nullable;
import org.panoptim.abi.natives.NativeCache;
import org.panoptim.simd.bindings.NativeLibrary;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Finds and loads OpenBLAS, once. It is a private copy, so that its number of threads is nobody
 * else's.
 *
 * <p>Tried in this order: the file that the system property {@code panoptim.openblas} names (and
 * then nothing else), the library in the artifact {@code org.bytedeco:openblas} of this platform,
 * and the system's.
 */
final class OpenBlasLibrary {

    /** The system property that names the library's file. */
    static final String PROPERTY = "panoptim.openblas";

    private static final String FOLDER = "org/bytedeco/openblas/" + NativeLibrary.platform() + "/";
    private static final String NAME = "libopenblas.so.0";

    /**
     * What it is linked to besides the C library, where the artifact brings it; each needs those
     * before it, and not all of them look for these in their folder.
     */
    private static final List<String> COMPANIONS = List.of("libquadmath.so.0", "libgfortran.so.5");

    private final List<String> tried = new ArrayList<>();
    private Optional<OpenBlas> loaded = Optional.empty();

    private OpenBlasLibrary() {}

    /** What came of loading; loading is tried once. */
    static OpenBlasLibrary get() {
        return Holder.LIBRARY;
    }

    /** The library's functions, if it was loaded. */
    Optional<OpenBlas> functions() {
        return loaded;
    }

    /** The attempts in order, each with its outcome. */
    List<String> tried() {
        return List.copyOf(tried);
    }

    private static final class Holder {
        static final OpenBlasLibrary LIBRARY = search(System.getProperty(PROPERTY));
    }

    /**
     * Looks for the library.
     *
     * @param file the only file to try, or null
     */
    static OpenBlasLibrary search(@Nullable String file) {
        var library = new OpenBlasLibrary();
        if (file != null) {
            library.attempt("system property " + PROPERTY, Path.of(file).toAbsolutePath());
        } else if (!library.searchJar()) {
            library.attemptSystem();
        }
        return library;
    }

    private boolean searchJar() {
        try {
            var files = new LinkedHashMap<String, URL>();
            for (var name : COMPANIONS) {
                resource(name).ifPresent(url -> files.put(name, url));
            }
            var library = resource(NAME);
            if (library.isEmpty()) {
                tried.add("artifact org.bytedeco:openblas: no resource " + FOLDER + NAME);
                return false;
            }
            files.put(NAME, library.get());
            try (var unpacked = NativeCache.unpack(NativeCache.nameOf("openblas", files), files)) {
                unpacked.passedOver().forEach(line -> tried.add("cache: passed over: " + line));
                return attempt(
                        "artifact org.bytedeco:openblas",
                        unpacked.file(NAME).toString(),
                        () -> {
                            SymbolLookup last = _ -> Optional.empty();
                            for (var name : files.keySet()) {
                                last =
                                        SymbolLookup.libraryLookup(
                                                unpacked.file(name), Arena.global());
                            }
                            return last;
                        });
            }
        } catch (IOException e) {
            tried.add("artifact org.bytedeco:openblas: cannot be unpacked: " + e.getMessage());
            return false;
        }
    }

    private static Optional<URL> resource(String name) {
        return Optional.ofNullable(
                OpenBlasLibrary.class.getClassLoader().getResource(FOLDER + name));
    }

    private boolean attempt(String source, Path file) {
        if (!Files.isRegularFile(file)) {
            tried.add(source + ": " + file + ": no such file");
            return false;
        }
        return attempt(
                source, file.toString(), () -> SymbolLookup.libraryLookup(file, Arena.global()));
    }

    private void attemptSystem() {
        attempt("the system", NAME, () -> SymbolLookup.libraryLookup(NAME, Arena.global()));
    }

    private boolean attempt(String source, String file, Supplier<SymbolLookup> opener) {
        try {
            var functions = new OpenBlas(opener.get());
            functions.setThreads(1);
            tried.add(source + ": loaded, " + functions.config() + ", " + file);
            loaded = Optional.of(functions);
            return true;
        } catch (IllegalArgumentException | IllegalCallerException | NoSuchElementException e) {
            tried.add(source + ": " + file + " cannot be loaded: " + e.getMessage());
            return false;
        }
    }
}
