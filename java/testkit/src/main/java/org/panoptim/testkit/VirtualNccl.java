package org.panoptim.testkit;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The controls of {@code tests/virtual-gpu}'s NCCL, which moves the virtual GPU's memory between
 * threads. They affect all communicators of the process.
 */
public final class VirtualNccl {

    /** What a member finds whose connection to another one is gone. */
    public static final int REMOTE_ERROR = 6;

    private VirtualNccl() {}

    /**
     * Lets one of the following calls of a function fail.
     *
     * @param call the function's name; of {@code ncclCommGetAsyncError} the state that it finds is
     *     meant, from then on
     * @param code the status
     * @param after which call, counted from 1; 0 lets all succeed
     */
    public static void fail(String call, int code, int after) {
        try (var arena = Arena.ofConfined()) {
            var text = arena.allocateFrom(call);
            call(() -> (int) Controls.FAIL.invokeExact(text, code, after));
        }
    }

    /** Lets nothing that a member sends arrive from now on; -1: all does. */
    public static void lose(int rank) {
        call(() -> (int) Controls.LOSE.invokeExact(rank));
    }

    /** Lets what is sent from now on arrive so many milliseconds later. */
    public static void delay(int milliseconds) {
        call(() -> (int) Controls.DELAY.invokeExact(milliseconds));
    }

    /** How many communicators there are. */
    public static long live() {
        return call(() -> (long) Controls.LIVE.invokeExact());
    }

    private interface Call<T> {
        T result() throws Throwable;
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

    /** Looked up with the first call, which needs the library. */
    private static final class Controls {
        static final MethodHandle FAIL =
                handle(
                        "Fail",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT));
        static final MethodHandle LOSE =
                handle("Lose", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        static final MethodHandle DELAY =
                handle("Delay", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        static final MethodHandle LIVE =
                handle("Live", FunctionDescriptor.of(ValueLayout.JAVA_LONG));

        private static MethodHandle handle(String control, FunctionDescriptor descriptor) {
            return Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup("libnccl.so.2", Arena.global())
                                    .findOrThrow("panoptimVirtualNccl" + control),
                            descriptor);
        }
    }
}
