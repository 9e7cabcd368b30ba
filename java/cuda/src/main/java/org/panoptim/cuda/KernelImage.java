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

/** Where the kernels are found: a file that a property names, or the jar of kernels. */
final class KernelImage {

    /** Names a file to load instead of the packed kernels. */
    static final String PROPERTY = "panoptim.kernels";

    /** The fat binary's place in the jar of kernels. */
    static final String RESOURCE = "META-INF/kernels/panoptim.fatbin";

    private KernelImage() {}

    /** In one line, where the kernels are or why there are none. */
    static String explain() {
        var file = System.getProperty(PROPERTY);
        if (file != null) {
            return "kernels: " + PROPERTY + " names " + file;
        }
        return packed() == null
                ? "kernels: this build has none; it was made without nvcc"
                : "kernels: jar, " + RESOURCE;
    }

    /** Whether there are kernels. */
    static boolean exists() {
        var file = System.getProperty(PROPERTY);
        return file != null ? Files.isReadable(Path.of(file)) : packed() != null;
    }

    private static @Nullable URL packed() {
        return KernelImage.class.getClassLoader().getResource(RESOURCE);
    }

    /**
     * Reads the kernels.
     *
     * @throws BackendUnavailableException if there are none, with the reason
     */
    static MemorySegment read(String backend, Arena arena) {
        try {
            var file = System.getProperty(PROPERTY);
            var bytes = file != null ? Files.readAllBytes(Path.of(file)) : readPacked(backend);
            // One zero more: the driver takes text images up to their end.
            var image = arena.allocate(bytes.length + 1L, 8);
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, image, 0, bytes.length);
            return image;
        } catch (IOException e) {
            throw new UncheckedIOException("backend " + backend + ": " + explain(), e);
        }
    }

    private static byte[] readPacked(String backend) throws IOException {
        var found = packed();
        if (found == null) {
            throw new BackendUnavailableException("backend " + backend + ": " + explain());
        }
        try (var stream = found.openStream()) {
            return stream.readAllBytes();
        }
    }
}
