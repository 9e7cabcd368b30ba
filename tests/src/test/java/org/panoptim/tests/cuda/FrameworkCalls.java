package org.panoptim.tests.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Calls of the driver that frameworks make and the project does not, and codes that it gives. */
final class FrameworkCalls {

    /** {@code CUDA_ERROR_OUT_OF_MEMORY}. */
    static final int OUT_OF_MEMORY = 2;

    /** {@code CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES}. */
    static final int OUT_OF_RESOURCES = 701;

    /** {@code CU_STREAM_CAPTURE_MODE_GLOBAL}. */
    private static final int GLOBAL = 0;

    private FrameworkCalls() {}

    /** Begins a capture as PyTorch does, in global mode: it forbids what may be unsafe. */
    static void beginGlobalCapture(long stream) {
        check(() -> (int) Handles.BEGIN_CAPTURE.invokeExact(stream, GLOBAL));
    }

    /** Creates a stream that waits for the default stream, and the default stream for it. */
    static long createBlockingStream() {
        try (var arena = Arena.ofConfined()) {
            var stream = arena.allocate(ValueLayout.JAVA_LONG);
            check(() -> (int) Handles.CREATE_STREAM.invokeExact(stream, 0));
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

    private static final class Handles {
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

        private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup("libcuda.so.1", Arena.global())
                                    .findOrThrow(name),
                            descriptor);
        }
    }
}
