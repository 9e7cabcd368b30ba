package org.panoptim.cuda.device;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.BackendUnavailableException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the images of kernels are found: in the jar of kernels, each twice; or all of them in a
 * file that a property names. Drivers of the toolkit's version take the fat binaries, whose machine
 * code is ready to run. Older ones take neither these nor the toolkit's PTX; for them there is PTX
 * of an older version as text, which they compile.
 */
public final class KernelImages {

    /** Names a file to load instead of the packed kernels: one module with all of them. */
    public static final String PROPERTY = "panoptim.kernels";

    /** The oldest version of CUDA whose drivers take the fat binaries: the toolkit's. */
    public static final int FAT_BINARY_VERSION = 13000;

    /** The images' folder in the jar of kernels. */
    private static final String FOLDER = "META-INF/kernels/";

    /** The image that every step needs. */
    public static final String STEP = "step";

    private final String backend;
    private final int driverVersion;

    /**
     * Images for a driver.
     *
     * @param driverVersion the newest version of CUDA that the driver serves, for example 12040
     */
    public KernelImages(String backend, int driverVersion) {
        this.backend = backend;
        this.driverVersion = driverVersion;
    }

    /**
     * The names that a rule's image may have, the first that there is being the right one: the
     * rule's name, and the beginnings of it that end before an underscore, the longest first.
     */
    public static List<String> candidates(String rule) {
        var names = new ArrayList<String>();
        for (int end = rule.length(); end > 0; end = rule.lastIndexOf('_', end - 1)) {
            names.add(rule.substring(0, end));
        }
        return names;
    }

    private static String resource(String image, int driverVersion) {
        // The PTX is of version 8.0, which came with CUDA 12.0.
        return FOLDER + image + (driverVersion < FAT_BINARY_VERSION ? ".ptx" : ".fatbin");
    }

    private static @Nullable URL packed(String resource) {
        return KernelImages.class.getClassLoader().getResource(resource);
    }

    /**
     * In one line, where the kernels are or why there are none.
     *
     * @param driverVersion the newest version of CUDA that the driver serves, for example 12040
     */
    public static String explain(int driverVersion) {
        var file = System.getProperty(PROPERTY);
        if (file != null) {
            return "kernels: " + PROPERTY + " names " + file;
        }
        if (packed(resource(STEP, driverVersion)) == null) {
            return "kernels: this build has none; it was made without nvcc, or by the launcher on a"
                    + " machine without a GPU (PANOPTIM_KERNELS=ON)";
        }
        return driverVersion >= FAT_BINARY_VERSION
                ? "kernels: jar, machine code, a rule's when it is first used"
                : "kernels: jar, PTX: this driver is older than CUDA 13.0, so it compiles a rule's"
                        + " kernels when they are first used, which takes seconds, and keeps the"
                        + " result in its cache (CUDA_CACHE_PATH, or ~/.nv/ComputeCache)";
    }

    /** Whether there are kernels for such a driver. */
    public static boolean exist(int driverVersion) {
        var file = System.getProperty(PROPERTY);
        return file != null
                ? Files.isReadable(Path.of(file))
                : packed(resource(STEP, driverVersion)) != null;
    }

    /** Whether there may be an image of this name; in a file of all of them, the module knows. */
    public boolean exists(String image) {
        return System.getProperty(PROPERTY) != null
                || packed(resource(image, driverVersion)) != null;
    }

    /** What an image is read from; the same for several where one file has them all. */
    public String file(String image) {
        var file = System.getProperty(PROPERTY);
        return file != null ? file : resource(image, driverVersion);
    }

    /**
     * Reads an image, for the driver to load.
     *
     * @throws BackendUnavailableException if there is none, with the reason
     */
    public MemorySegment read(String image, Arena arena) {
        try {
            var file = System.getProperty(PROPERTY);
            var bytes = file != null ? Files.readAllBytes(Path.of(file)) : readPacked(image);
            // One zero more: the driver takes text images up to their end.
            var memory = arena.allocate(bytes.length + 1L, 8);
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, memory, 0, bytes.length);
            return memory;
        } catch (IOException e) {
            throw new UncheckedIOException("backend " + backend + ": " + explain(driverVersion), e);
        }
    }

    private byte[] readPacked(String image) throws IOException {
        var resource = packed(resource(image, driverVersion));
        if (resource == null) {
            throw new BackendUnavailableException(
                    "backend " + backend + ": " + explain(driverVersion));
        }
        try (var stream = resource.openStream()) {
            return stream.readAllBytes();
        }
    }
}
