package org.panoptim.testkit;

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
import java.util.List;

/**
 * The CUDA driver of {@code tests/virtual-gpu}, which runs kernels on the CPU, and its controls.
 * They affect all calls of the driver in the process; its folder must be on {@code
 * LD_LIBRARY_PATH}.
 */
public final class VirtualGpu {

    /** The orders of threads in which to try kernels. */
    public static final List<String> ORDERS = List.of("forward", "reverse", "random:1");

    private static final String CHOSEN = "panoptim.virtual-gpu";
    private static final String KERNELS = "panoptim.kernels";

    private VirtualGpu() {}

    /** Whether suites that run on any backend are to run on this, as the property says. */
    public static boolean isChosen() {
        return Boolean.getBoolean(CHOSEN);
    }

    /**
     * The kernels, for the driver to load; the system property {@code panoptim.kernels} names their
     * file.
     *
     * @throws IllegalStateException if the property is not set
     */
    public static MemorySegment kernels(Arena arena) {
        var file = System.getProperty(KERNELS);
        if (file == null) {
            throw new IllegalStateException(
                    "system property " + KERNELS + " must name tests/virtual-gpu/kernels.txt");
        }
        try {
            return arena.allocateFrom(Files.readString(Path.of(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Sets the order of threads in later launches.
     *
     * @param order {@code forward}, {@code reverse}, or {@code random:} and a seed
     */
    public static void order(String order) {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(order);
            require("order " + order, () -> (int) Controls.ORDER.invokeExact(text));
        }
    }

    /**
     * Lets one of the following calls of a function of the driver fail.
     *
     * @param call the function's name, such as {@code cuMemAlloc_v2}
     * @param code the status that it returns
     * @param after which call, counted from 1; 0 lets all succeed
     */
    public static void fail(String call, int code, int after) {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(call);
            call(() -> (int) Controls.FAIL.invokeExact(text, code, after));
        }
    }

    /** How many objects of a kind are open. */
    public static long live(String kind) {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(kind);
            return call(() -> (long) Controls.LIVE.invokeExact(text));
        }
    }

    /** Whether launches do nothing from now on. */
    public static void empty(boolean empty) {
        call(() -> (int) Controls.EMPTY.invokeExact(empty ? 1 : 0));
    }

    /** The version of CUDA that the driver serves from now on; 0: as usual. */
    public static void version(int version) {
        require("version " + version, () -> (int) Controls.VERSION.invokeExact(version));
    }

    private interface Call<T> {
        T result() throws Throwable;
    }

    private static void require(String what, Call<Integer> call) {
        int status = call(call);
        if (status != 0) {
            throw new IllegalStateException("the virtual GPU takes no " + what + ": " + status);
        }
    }

    private static <T> T call(Call<T> call) {
        try {
            return call.result();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Looked up with the first call, so that {@link #isChosen} needs no driver. */
    private static final class Controls {
        static final MethodHandle ORDER =
                handle("Order", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
        static final MethodHandle FAIL =
                handle(
                        "Fail",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT));
        static final MethodHandle LIVE =
                handle("Live", FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
        static final MethodHandle VERSION =
                handle(
                        "Version",
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        static final MethodHandle EMPTY =
                handle("Empty", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

        private static MethodHandle handle(String control, FunctionDescriptor descriptor) {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup("libcuda.so.1", Arena.global())
                                    .findOrThrow("panoptimVirtual" + control),
                            descriptor);
        }
    }
}
