package org.panoptim.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The CUDA driver of {@code tests/virtual-gpu}. Its folder is on {@code LD_LIBRARY_PATH}, and the
 * system property {@code panoptim.kernels} names its kernels.
 */
final class VirtualGpu {

    /** The system property that names the file of kernels. */
    static final String PROPERTY = "panoptim.kernels";

    private static final MethodHandle EMPTY =
            Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup("libcuda.so.1", Arena.global())
                                    .findOrThrow("panoptimVirtualEmpty"),
                            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private VirtualGpu() {}

    /** Whether launches do nothing from now on. */
    static void empty(boolean empty) {
        try {
            int _ = (int) EMPTY.invokeExact(empty ? 1 : 0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("panoptimVirtualEmpty threw", e);
        }
    }

    /** The kernels, for the driver to load. */
    static MemorySegment kernels(Arena arena) {
        var file = System.getProperty(PROPERTY);
        if (file == null) {
            throw new IllegalStateException(
                    "system property " + PROPERTY + " must name tests/virtual-gpu/kernels.txt");
        }
        try {
            return arena.allocateFrom(Files.readString(Path.of(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
