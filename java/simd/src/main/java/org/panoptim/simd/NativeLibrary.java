package org.panoptim.simd;

import org.panoptim.abi.WordCalls;
import org.panoptim.abi.bindings.PanoptimPlan;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Finds and loads libpanoptim, once for the class loader that holds the bindings.
 *
 * <p>Tried in this order: the file that the system property {@code panoptim.library} names (and
 * then nothing else), the folders of {@code java.library.path}, and the library that comes in a
 * jar, through a cache named by its content. A library of another ABI number is passed over.
 */
final class NativeLibrary {

    /** The system property that names the library's file. */
    static final String PROPERTY = "panoptim.library";

    private final List<String> tried = new ArrayList<>();
    private Optional<Path> loaded = Optional.empty();

    private NativeLibrary() {}

    /** What came of loading; loading is tried once. */
    static NativeLibrary get() {
        return Holder.LIBRARY;
    }

    /** The file that was loaded, if any was. */
    Optional<Path> file() {
        return loaded;
    }

    /** What was tried, in order, and what came of it. */
    List<String> tried() {
        return List.copyOf(tried);
    }

    private static final class Holder {
        static final NativeLibrary LIBRARY = load();

        private static NativeLibrary load() {
            var library = new NativeLibrary();
            library.search();
            return library;
        }
    }

    private void search() {
        var property = System.getProperty(PROPERTY);
        if (property != null) {
            attempt("system property " + PROPERTY, Path.of(property).toAbsolutePath());
            return;
        }
        var name = System.mapLibraryName("panoptim");
        for (var folder :
                System.getProperty("java.library.path", "")
                        .split(System.getProperty("path.separator"))) {
            var candidate = Path.of(folder.isEmpty() ? "." : folder, name).toAbsolutePath();
            if (Files.exists(candidate) && attempt("java.library.path", candidate)) {
                return;
            }
        }
        if (tried.isEmpty()) {
            tried.add("java.library.path: no " + name + " in its folders");
        }
        searchJar(name);
    }

    private void searchJar(String name) {
        var resource = "META-INF/native/" + platform() + "/" + name;
        var loader = NativeLibrary.class.getClassLoader();
        var packed = loader.getResource(resource);
        if (packed == null) {
            tried.add("jar: no resource " + resource);
            return;
        }
        try {
            var checksum = loader.getResource(resource + ".sha256");
            attempt("jar, " + resource, LibraryCache.store(packed, checksum, name));
        } catch (IOException e) {
            tried.add("jar, " + resource + ": cannot be unpacked: " + e);
        }
    }

    /** Loads a file if it is a libpanoptim of our ABI, and notes what came of it. */
    private boolean attempt(String source, Path file) {
        var problem = load(file);
        tried.add(source + ": " + file + ": " + problem.orElse("loaded"));
        if (problem.isEmpty()) {
            loaded = Optional.of(file);
        }
        return problem.isEmpty();
    }

    private static Optional<String> load(Path file) {
        if (!Files.isRegularFile(file)) {
            return Optional.of("no such file");
        }
        try {
            // Looked at first through a lookup of its own: once loaded, a library stays.
            int abi = abiOf(file);
            if (abi != PanoptimPlan.PANOPTIM_ABI()) {
                return Optional.of(
                        "has ABI "
                                + abi
                                + ", but these bindings need "
                                + PanoptimPlan.PANOPTIM_ABI());
            }
            System.load(file.toString());
            return Optional.empty();
        } catch (UnsatisfiedLinkError | IllegalArgumentException e) {
            return Optional.of("cannot be loaded: " + e.getMessage());
        }
    }

    private static int abiOf(Path file) {
        try (var arena = Arena.ofConfined()) {
            var function =
                    SymbolLookup.libraryLookup(file, arena)
                            .find("panoptim_abi")
                            .orElseThrow(
                                    () ->
                                            new IllegalArgumentException(
                                                    "it has no symbol panoptim_abi"));
            return (int) WordCalls.call(function);
        }
    }

    /** For example {@code linux-x86_64}. */
    static String platform() {
        var os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        var arch = System.getProperty("os.arch");
        return (os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os)
                + "-"
                + (arch.equals("amd64") ? "x86_64" : arch);
    }
}
