package org.panoptim.simd.bindings;

import org.jspecify.annotations.NullMarked;
import org.panoptim.abi.WordCalls;
import org.panoptim.abi.bindings.PanoptimPlan;
import org.panoptim.abi.natives.NativeCache;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Finds and loads libpanoptim, once for the bindings, which look its functions up here. Several
 * class loaders of a process may each have theirs: opened this way, unlike by {@link System#load},
 * a library belongs to none of them.
 *
 * <p>Tried in this order: the file that the system property {@code panoptim.library} names (and
 * then nothing else), the folders of {@code java.library.path}, and the library that comes in a
 * jar, unpacked by {@link NativeCache}. A library of another ABI number is passed over.
 */
@NullMarked
public final class NativeLibrary {

    /** The system property that names the library's file. */
    public static final String PROPERTY = "panoptim.library";

    /** The platforms that libpanoptim is built for, as {@link #platform} calls them. */
    public static final List<String> PLATFORMS = List.of("linux-x86_64", "linux-aarch64");

    private static final int HASH_LENGTH = 64;

    private final List<String> tried = new ArrayList<>();
    private Optional<Path> file = Optional.empty();
    private SymbolLookup symbols = _ -> Optional.empty();

    private NativeLibrary() {}

    /** What came of loading; loading is tried once. */
    public static NativeLibrary get() {
        return Holder.LIBRARY;
    }

    /** The file that was loaded, if any was. */
    public Optional<Path> file() {
        return file;
    }

    /** Its functions; none if no library was loaded. */
    public SymbolLookup symbols() {
        return symbols;
    }

    /** The attempts in order, each with its outcome. */
    public List<String> tried() {
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
            if (folder.isEmpty()) {
                // An empty LD_LIBRARY_PATH before a colon: the working folder, which nobody meant.
                continue;
            }
            var candidate = Path.of(folder, name).toAbsolutePath();
            if (Files.exists(candidate) && attempt("java.library.path", candidate)) {
                return;
            }
        }
        if (tried.isEmpty()) {
            tried.add("java.library.path: no " + name + " in its folders");
        }
        searchJar(name);
    }

    /** The platforms for which there is a library in a jar. */
    public static List<String> packed() {
        var loader = NativeLibrary.class.getClassLoader();
        return PLATFORMS.stream()
                .filter(
                        platform ->
                                loader.getResource(resource(platform, "libpanoptim.so")) != null)
                .toList();
    }

    private static String resource(String platform, String name) {
        return "META-INF/native/" + platform + "/" + name;
    }

    private void searchJar(String name) {
        var resource = resource(platform(), name);
        var loader = NativeLibrary.class.getClassLoader();
        var packed = loader.getResource(resource);
        if (packed == null) {
            tried.add("jar: no resource " + resource);
            return;
        }
        var libraries = Map.of(name, packed);
        try (var unpacked = NativeCache.unpack(setOf(loader, resource, libraries), libraries)) {
            unpacked.passedOver().forEach(line -> tried.add("cache: passed over: " + line));
            attempt("jar, " + resource, unpacked.file(name));
        } catch (IOException e) {
            tried.add("jar, " + resource + ": cannot be unpacked: " + e.getMessage());
        }
    }

    /**
     * The build writes the content's SHA-256 next to it, so that it need not be read for a name.
     */
    private static String setOf(ClassLoader loader, String resource, Map<String, URL> libraries)
            throws IOException {
        try (var stream = loader.getResourceAsStream(resource + ".sha256")) {
            var hash =
                    stream == null
                            ? ""
                            : new String(stream.readAllBytes(), StandardCharsets.US_ASCII).strip();
            return hash.length() == HASH_LENGTH
                    ? hash
                    : NativeCache.nameOf("libpanoptim", libraries);
        }
    }

    /** Loads a file if it is a libpanoptim of our ABI, and notes the outcome. */
    private boolean attempt(String source, Path candidate) {
        var problem = load(candidate);
        tried.add(source + ": " + candidate + ": " + problem.orElse("loaded"));
        if (problem.isEmpty()) {
            file = Optional.of(candidate);
        }
        return problem.isEmpty();
    }

    private Optional<String> load(Path candidate) {
        if (!Files.isRegularFile(candidate)) {
            return Optional.of("no such file");
        }
        try {
            // Checked first through a separate lookup: once loaded, a library stays.
            int abi = abiOf(candidate);
            if (abi != PanoptimPlan.PANOPTIM_ABI()) {
                return Optional.of(
                        "has ABI "
                                + abi
                                + ", but these bindings need "
                                + PanoptimPlan.PANOPTIM_ABI());
            }
            symbols = SymbolLookup.libraryLookup(candidate, Arena.global());
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of("cannot be loaded: " + e.getMessage());
        } catch (IllegalCallerException e) {
            return Optional.of(
                    "cannot be loaded: "
                            + e.getMessage()
                            + "; --enable-native-access allows it, when Java is started");
        } catch (ExceptionInInitializerError e) {
            // Where native access is denied to the module that makes the calls.
            return Optional.of("cannot be called: " + e.getCause());
        }
    }

    private static int abiOf(Path candidate) {
        try (var arena = Arena.ofConfined()) {
            var function =
                    SymbolLookup.libraryLookup(candidate, arena)
                            .find("panoptim_abi")
                            .orElseThrow(
                                    () ->
                                            new IllegalArgumentException(
                                                    "it has no symbol panoptim_abi"));
            return (int) WordCalls.call(function);
        }
    }

    /** For example {@code linux-x86_64}. */
    public static String platform() {
        var os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        var arch = System.getProperty("os.arch");
        return (os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os)
                + "-"
                + (arch.equals("amd64") ? "x86_64" : arch);
    }
}
