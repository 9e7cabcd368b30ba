package org.panoptim.abi.natives;

import java.io.IOException;
import java.net.URL;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Where libraries that come in jars are unpacked, so that they can be loaded: all that the project
 * unpacks goes this way.
 *
 * <p>The folder is the first of these in which it can be done:
 *
 * <ol>
 *   <li>the one that the system property {@code panoptim.cache} names;
 *   <li>{@code panoptim} in the one that the environment variable {@code XDG_CACHE_HOME} names;
 *   <li>{@code .cache/panoptim} in the user's home;
 *   <li>a new one in {@code java.io.tmpdir}, for this process alone.
 * </ol>
 *
 * <p>A folder is passed over if its path is relative, if it or a folder above it belongs to another
 * user or can be written by others, if it is full, read-only, or mounted {@code noexec}. What was
 * passed over is reported once by the logger {@code org.panoptim}, as a warning.
 *
 * <p>Within it, each set of libraries has a separate folder, for the owner alone. A file that is
 * there already is compared with the jar's, byte by byte, unless a process did so before and
 * neither of the two has been touched since; one that differs is replaced. Files are written under
 * another name, forced to the disk and then renamed, so that processes may start at once, and one
 * that dies leaves no part of a file that another would load.
 */
public final class NativeCache {

    /** The system property that names the folder. */
    public static final String PROPERTY = "panoptim.cache";

    private static final String REMEDY =
            "Name a folder that only you can write to with -D" + PROPERTY + ".";

    private static final String TEMPORARY = "java.io.tmpdir";
    private static final String VARIABLE = "XDG_CACHE_HOME";
    private static final String NAME = "panoptim";

    /** What this process has warned of, so that each warning comes once. */
    private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();

    private NativeCache() {}

    /** A name for a set of libraries that differs from that of other versions. */
    public static String nameOf(String label, Map<String, URL> libraries) throws IOException {
        var name = new StringBuilder(label);
        for (var library : packed(libraries)) {
            name.append('-').append(library.identity());
        }
        return name.toString();
    }

    /**
     * Returns a folder with these libraries as files, written now or before; they find each other
     * by lying in one folder.
     *
     * @param set the name of the folder: what is there is replaced if it differs
     * @param libraries by file name
     * @return what the caller closes once the libraries are loaded
     * @throws IOException if a library cannot be read, or no folder can be used, with all reasons
     */
    public static UnpackedLibraries unpack(String set, Map<String, URL> libraries)
            throws IOException {
        var packed = packed(libraries);
        var passedOver = new ArrayList<String>();
        for (var candidate : candidates()) {
            try {
                var folder = PrivateFolder.in(candidate.folder(), set);
                for (var library : packed) {
                    library.unpackInto(folder);
                }
                var unpacked = new UnpackedLibraries(folder, packed, false, passedOver);
                warn(passedOver, unpacked);
                return unpacked;
            } catch (IOException e) {
                passedOver.add(candidate.passedOver(e));
            }
        }
        return unpackForThisProcess(packed, passedOver);
    }

    /**
     * Returns a new folder in {@code java.io.tmpdir} with these libraries, for this process alone.
     *
     * @param libraries by file name
     * @return what the caller closes once the libraries are loaded
     * @throws IOException if a library cannot be read, or the folder cannot be used
     */
    public static UnpackedLibraries unpackForThisProcess(Map<String, URL> libraries)
            throws IOException {
        return unpackForThisProcess(packed(libraries), new ArrayList<>());
    }

    private static List<PackedLibrary> packed(Map<String, URL> libraries) {
        var packed = new ArrayList<PackedLibrary>();
        libraries.forEach((name, content) -> packed.add(new PackedLibrary(name, content)));
        return packed;
    }

    private static UnpackedLibraries unpackForThisProcess(
            List<PackedLibrary> packed, List<String> passedOver) throws IOException {
        var named = Path.of(System.getProperty(TEMPORARY, "")).toAbsolutePath().toString();
        var temporary = new Candidate(TEMPORARY, named, "", true);
        try {
            var folder = PrivateFolder.temporary(temporary.folder());
            var unpacked = new UnpackedLibraries(folder, packed, true, passedOver);
            try {
                for (var library : packed) {
                    library.unpackInto(folder);
                }
            } catch (IOException e) {
                unpacked.close();
                throw e;
            }
            warn(passedOver, unpacked);
            return unpacked;
        } catch (IOException e) {
            passedOver.add(temporary.passedOver(e));
            throw new IOException(
                    "no folder can be used (" + String.join("; ", passedOver) + "). " + REMEDY, e);
        }
    }

    /** The folders to be tried before a temporary one. */
    private static List<Candidate> candidates() {
        var candidates = new ArrayList<Candidate>();
        var property = System.getProperty(PROPERTY);
        if (property != null) {
            candidates.add(new Candidate("system property " + PROPERTY, property, "", false));
        }
        var variable = System.getenv(VARIABLE);
        if (variable != null && !variable.isEmpty()) {
            candidates.add(new Candidate(VARIABLE, variable, NAME, false));
        }
        // "?" where the system does not know the user.
        var home = System.getProperty("user.home", "");
        candidates.add(new Candidate("user.home", home, ".cache/" + NAME, true));
        return candidates;
    }

    /**
     * A folder that is to be tried.
     *
     * @param source what names it
     * @param named what that names
     * @param below the folder's path within that
     * @param exists whether what is named has to be there, and is not made
     */
    private record Candidate(String source, String named, String below, boolean exists) {

        Path folder() throws IOException {
            var path = pathOf(named);
            if (!path.isAbsolute()) {
                throw new IOException("is not an absolute path");
            }
            if (exists && !Files.isDirectory(path)) {
                throw new NoSuchFileException(named);
            }
            return path.resolve(below);
        }

        /** Why it was passed over, in one line. */
        String passedOver(IOException e) {
            return source + ", " + named + ": " + reason(e);
        }
    }

    private static Path pathOf(String name) throws IOException {
        try {
            return Path.of(name);
        } catch (InvalidPathException e) {
            throw new IOException("is not a path", e);
        }
    }

    private static String reason(IOException e) {
        var problem =
                switch (e) {
                    case NoSuchFileException _ -> "no such folder";
                    case AccessDeniedException _ -> "permission denied";
                    case FileAlreadyExistsException _ -> "is not a folder";
                    case FileSystemException failure when failure.getReason() != null ->
                            failure.getReason();
                    default -> e.getMessage();
                };
        var file = e instanceof FileSystemException failure ? failure.getFile() : null;
        return file == null ? String.valueOf(problem) : file + ": " + problem;
    }

    private static void warn(List<String> passedOver, UnpackedLibraries unpacked) {
        if (!passedOver.isEmpty() && WARNED.addAll(passedOver)) {
            System.getLogger("org.panoptim")
                    .log(
                            System.Logger.Level.WARNING,
                            "Native libraries cannot be kept where they should be ("
                                    + String.join("; ", passedOver)
                                    + "), and are unpacked into "
                                    + unpacked.folder()
                                    + (unpacked.isTemporary() ? " by every process anew" : "")
                                    + ". "
                                    + REMEDY);
        }
    }
}
