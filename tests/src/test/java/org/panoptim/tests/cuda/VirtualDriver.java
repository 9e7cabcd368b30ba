package org.panoptim.tests.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The levers that the virtual driver has for tests, and calls that the project does not make. */
final class VirtualDriver {

    /** {@code CUDA_ERROR_OUT_OF_MEMORY}. */
    static final int OUT_OF_MEMORY = 2;

    /** {@code CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES}. */
    static final int OUT_OF_RESOURCES = 701;

    /** {@code CU_STREAM_CAPTURE_MODE_GLOBAL}. */
    private static final int GLOBAL = 0;

    private VirtualDriver() {}

    /** Lets one of the following calls of a function fail, counted from 1; 0 takes it back. */
    static void fail(String call, int code, int after) {
        try (var arena = Arena.ofConfined()) {
            int _ = (int) Levers.FAIL.invokeExact(arena.allocateFrom(call), code, after);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** How many things of a kind are open. */
    static long live(String kind) {
        try (var arena = Arena.ofConfined()) {
            return (long) Levers.LIVE.invokeExact(arena.allocateFrom(kind));
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whether launches do nothing from now on. */
    static void empty(boolean empty) {
        try {
            int _ = (int) Levers.EMPTY.invokeExact(empty ? 1 : 0);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** The version of CUDA that the driver serves from now on; 0: as usual. */
    static void version(int version) {
        check(() -> (int) Levers.VERSION.invokeExact(version));
    }

    /**
     * The order of threads in later launches: {@code forward}, {@code reverse}, {@code random:1}.
     */
    static void order(String order) {
        try (var arena = Arena.ofConfined()) {
            int status = (int) Levers.ORDER.invokeExact(arena.allocateFrom(order));
            if (status != 0) {
                throw new IllegalStateException("order " + order + " gives status " + status);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Begins a capture as PyTorch does, in global mode: it forbids what may be unsafe. */
    static void beginGlobalCapture(long stream) {
        check(() -> (int) Levers.BEGIN_CAPTURE.invokeExact(stream, GLOBAL));
    }

    /** Creates a stream that waits for the default stream, and the default stream for it. */
    static long createBlockingStream() {
        try (var arena = Arena.ofConfined()) {
            var stream = arena.allocate(ValueLayout.JAVA_LONG);
            check(() -> (int) Levers.CREATE_STREAM.invokeExact(stream, 0));
            return stream.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    private interface Call {
        int status() throws Throwable;
    }

    private static void check(Call call) {
        int status;
        try {
            status = call.status();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        if (status != 0) {
            throw new IllegalStateException("status " + status);
        }
    }

    private static final class Levers {
        static final MethodHandle BEGIN_CAPTURE =
                handle(
                        "cuStreamBeginCapture_v2",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
        static final MethodHandle CREATE_STREAM =
                handle(
                        "cuStreamCreate",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        static final MethodHandle ORDER =
                handle(
                        "panoptimVirtualOrder",
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
        static final MethodHandle FAIL =
                handle(
                        "panoptimVirtualFail",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT));
        static final MethodHandle LIVE =
                handle(
                        "panoptimVirtualLive",
                        FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
        static final MethodHandle VERSION =
                handle(
                        "panoptimVirtualVersion",
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        static final MethodHandle EMPTY =
                handle(
                        "panoptimVirtualEmpty",
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

        private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup("libcuda.so.1", Arena.global())
                                    .findOrThrow(name),
                            descriptor);
        }
    }
}
