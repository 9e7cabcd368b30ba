package org.panoptim.abi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * Calls of native functions whose arguments and results are integers and addresses, each as a word
 * of 64 bits. One handle serves all functions of as many arguments, and is linked with the first
 * call: to link a handle takes a fresh process several milliseconds, and with memory segments as
 * arguments more than with numbers. A call makes no objects.
 *
 * <p>An argument that is an {@code int} in C may come as a word because the calling conventions of
 * 64-bit x86 and ARM give it a register or a stack slot of its own, of which a callee reads the
 * lower half only. Of a result that is an {@code int} in C the upper half means nothing: cast it.
 */
public final class WordCalls {

    private WordCalls() {}

    /** The address of a function as a segment that costs nothing to pass. */
    public static MemorySegment function(MemorySegment symbol) {
        return MemorySegment.ofAddress(symbol.address());
    }

    /** Calls a function without arguments. */
    public static long call(MemorySegment function) {
        try {
            return (long) None.HANDLE.invokeExact(function);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Calls a function of one argument. */
    public static long call(MemorySegment function, long a) {
        try {
            return (long) One.HANDLE.invokeExact(function, a);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Calls a function of two arguments. */
    public static long call(MemorySegment function, long a, long b) {
        try {
            return (long) Two.HANDLE.invokeExact(function, a, b);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Calls a function of three arguments. */
    public static long call(MemorySegment function, long a, long b, long c) {
        try {
            return (long) Three.HANDLE.invokeExact(function, a, b, c);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Calls a function of four arguments. */
    public static long call(MemorySegment function, long a, long b, long c, long d) {
        try {
            return (long) Four.HANDLE.invokeExact(function, a, b, c, d);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Calls a function of five arguments. */
    public static long call(MemorySegment function, long a, long b, long c, long d, long e) {
        try {
            return (long) Five.HANDLE.invokeExact(function, a, b, c, d, e);
        } catch (Throwable thrown) {
            throw unchecked(thrown);
        }
    }

    /** A handle that takes the function's address and so many words. */
    public static MethodHandle handle(int arguments) {
        var words = new MemoryLayout[arguments];
        Arrays.fill(words, JAVA_LONG);
        return Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_LONG, words));
    }

    /** What a handle threw, for throwing on: native functions throw nothing of their own. */
    public static RuntimeException unchecked(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            return e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
        return new IllegalStateException("a native call threw", thrown);
    }

    private static final class None {
        static final MethodHandle HANDLE = handle(0);
    }

    private static final class One {
        static final MethodHandle HANDLE = handle(1);
    }

    private static final class Two {
        static final MethodHandle HANDLE = handle(2);
    }

    private static final class Three {
        static final MethodHandle HANDLE = handle(3);
    }

    private static final class Four {
        static final MethodHandle HANDLE = handle(4);
    }

    private static final class Five {
        static final MethodHandle HANDLE = handle(5);
    }
}
