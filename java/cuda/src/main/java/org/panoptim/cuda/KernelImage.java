package org.panoptim.cuda;

import org.jspecify.annotations.Nullable;
import org.panoptim.BackendUnavailableException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where the kernels are found: a file that a property names, or the jar of kernels, which has two
 * images. Drivers of the toolkit's version take the fat binary, whose machine code is ready to run.
 * Older ones take neither that nor the toolkit's PTX; for them there is PTX of an older version as
 * text, which they compile.
 */
final class KernelImage {

    /** Names a file to load instead of the packed kernels. */
    static final String PROPERTY = "panoptim.kernels";

    /** The oldest version of CUDA whose drivers take the fat binary: the toolkit's. */
    static final int FAT_BINARY_VERSION = 13000;

    /** The fat binary's place in the jar of kernels. */
    static final String FAT_BINARY = "META-INF/kernels/panoptim.fatbin";

    /** The place of the PTX for older drivers: of version 8.0, which came with CUDA 12.0. */
    static final String PTX = "META-INF/kernels/panoptim.ptx";

    private KernelImage() {}

    private static String resource(int driverVersion) {
        return driverVersion < FAT_BINARY_VERSION ? PTX : FAT_BINARY;
    }

    /**
     * In one line, where the kernels are or why there are none.
     *
     * @param driverVersion the newest version of CUDA that the driver serves, for example 12040
     */
    static String explain(int driverVersion) {
        var file = System.getProperty(PROPERTY);
        if (file != null) {
            return "kernels: " + PROPERTY + " names " + file;
        }
        var resource = resource(driverVersion);
        if (packed(resource) == null) {
            return "kernels: this build has none; it was made without nvcc, or by the launcher on a"
                    + " machine without a GPU (PANOPTIM_KERNELS=ON)";
        }
        return resource.equals(FAT_BINARY)
                ? "kernels: jar, " + FAT_BINARY
                : "kernels: jar, "
                        + PTX
                        + ": this driver is older than CUDA 13.0, so it compiles them when they are"
                        + " first loaded, which takes some seconds, and keeps the result in its"
                        + " cache (CUDA_CACHE_PATH, or ~/.nv/ComputeCache)";
    }

    /** Whether there are kernels for such a driver. */
    static boolean exists(int driverVersion) {
        var file = System.getProperty(PROPERTY);
        return file != null
                ? Files.isReadable(Path.of(file))
                : packed(resource(driverVersion)) != null;
    }

    private static @Nullable URL packed(String resource) {
        return KernelImage.class.getClassLoader().getResource(resource);
    }

    /**
     * Reads the kernels.
     *
     * @param driverVersion the newest version of CUDA that the driver serves, for example 12040
     * @throws BackendUnavailableException if there are none, with the reason
     */
    static MemorySegment read(String backend, int driverVersion, Arena arena) {
        try {
            var file = System.getProperty(PROPERTY);
            var bytes =
                    file != null
                            ? Files.readAllBytes(Path.of(file))
                            : readPacked(backend, driverVersion);
            // One zero more: the driver takes text images up to their end.
            var image = arena.allocate(bytes.length + 1L, 8);
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, image, 0, bytes.length);
            return image;
        } catch (IOException e) {
            throw new UncheckedIOException("backend " + backend + ": " + explain(driverVersion), e);
        }
    }

    private static byte[] readPacked(String backend, int driverVersion) throws IOException {
        var found = packed(resource(driverVersion));
        if (found == null) {
            throw new BackendUnavailableException(
                    "backend " + backend + ": " + explain(driverVersion));
        }
        try (var stream = found.openStream()) {
            return stream.readAllBytes();
        }
    }
}
