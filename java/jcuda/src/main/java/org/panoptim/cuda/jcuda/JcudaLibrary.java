package org.panoptim.cuda.jcuda;

import jcuda.LibUtils;

import org.panoptim.abi.natives.NativeCache;
import org.panoptim.abi.natives.UnpackedLibraries;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Loads a native part of JCuda from {@link NativeCache}.
 *
 * <p>When a class of JCuda is initialised, it looks for its part in {@code java.library.path}, and
 * then takes a file of a fixed name in {@code java.io.tmpdir}, which it unpacks only if there is
 * none: anybody's would do, and half of one. So the property names a folder of ours meanwhile, in
 * which the file lies whole and nobody else can write. Temporary files of the JDK's go where it
 * pointed when the process started, so that only who reads the property itself can notice.
 */
final class JcudaLibrary {

    private static final String TEMPORARY = "java.io.tmpdir";
    private static final Path MAPS = Path.of("/proc/self/maps");

    private final String name;
    private final List<String> tried = new ArrayList<>();

    /**
     * A native part.
     *
     * @param part its name, for example {@code JCudaDriver}
     */
    JcudaLibrary(String part) {
        name =
                LibUtils.createLibraryFileName(
                        LibUtils.createPlatformLibraryName(part + "-" + JcudaDriver.VERSION));
    }

    /** Where the part was unpacked, and which folders were passed over; a line each. */
    List<String> tried() {
        return List.copyOf(tried);
    }

    /**
     * Unpacks the part and initialises JCuda's class.
     *
     * @param initialise a call of the class that loads the part
     * @throws IOException if it cannot be unpacked, with the reasons
     */
    void load(Runnable initialise) throws IOException {
        // For all class loaders, each of which may have a JCuda and this class.
        synchronized (System.getProperties()) {
            try (var unpacked = unpack()) {
                unpacked.passedOver().forEach(line -> tried.add("cache: passed over: " + line));
                tried.add("jar, lib/" + name + ": unpacked into " + unpacked.folder());
                withTemporaryFolder(unpacked.folder(), initialise);
            }
        }
    }

    private UnpackedLibraries unpack() throws IOException {
        var packed = LibUtils.class.getResource("/lib/" + name);
        if (packed == null) {
            // There must be no file of that name where JCuda looks, so a folder that stays empty.
            return NativeCache.unpack("jcuda-none", Map.of());
        }
        var libraries = Map.of(name, packed);
        var unpacked = NativeCache.unpack("jcuda-" + JcudaDriver.VERSION, libraries);
        // A library that JNI has loaded for one class loader is refused to all others.
        return isLoaded(unpacked.file(name))
                ? NativeCache.unpackForThisProcess(libraries)
                : unpacked;
    }

    private static boolean isLoaded(Path file) throws IOException {
        var maps = new String(Files.readAllBytes(MAPS), StandardCharsets.UTF_8);
        return maps.contains(" " + file + "\n");
    }

    private static void withTemporaryFolder(Path folder, Runnable action) {
        var before = System.setProperty(TEMPORARY, folder.toString());
        try {
            action.run();
        } finally {
            if (before == null) {
                System.clearProperty(TEMPORARY);
            } else {
                System.setProperty(TEMPORARY, before);
            }
        }
    }
}
