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
 * of 64 bits. One handle serves all functions of up to eleven arguments, which are those of {@code
 * cuLaunchKernel}: to link a handle takes a fresh process several milliseconds, and with memory
 * segments as arguments more than with numbers, while a word too many takes none of the time of a
 * call that one could notice. A call makes no objects.
 *
 * <p>This relies on what the calling conventions of 64-bit x86 and ARM have in common. An integer
 * argument of any size has a separate register, and a callee reads the part that it declares, so an
 * {@code int} in C may come as a word. So has one on the stack when registers have run out. What
 * registers and stack hold beyond a callee's arguments does not matter: registers are free for it
 * to use, and the stack the caller takes back. Of a result that is an {@code int} in C the upper
 * half means nothing: cast it.
 */
public final class WordCalls {

    private static final int WORDS = 11;
    private static final MethodHandle HANDLE = link();

    private WordCalls() {}

    /** The address of a function as a segment that costs nothing to pass. */
    public static MemorySegment function(MemorySegment symbol) {
        return MemorySegment.ofAddress(symbol.address());
    }

    /** Calls a function without arguments. */
    public static long call(MemorySegment function) {
        return call(function, 0, 0, 0, 0, 0);
    }

    /** Calls a function of one argument. */
    public static long call(MemorySegment function, long a) {
        return call(function, a, 0, 0, 0, 0);
    }

    /** Calls a function of two arguments. */
    public static long call(MemorySegment function, long a, long b) {
        return call(function, a, b, 0, 0, 0);
    }

    /** Calls a function of three arguments. */
    public static long call(MemorySegment function, long a, long b, long c) {
        return call(function, a, b, c, 0, 0);
    }

    /** Calls a function of four arguments. */
    public static long call(MemorySegment function, long a, long b, long c, long d) {
        return call(function, a, b, c, d, 0);
    }

    /** Calls a function of five arguments. */
    public static long call(MemorySegment function, long a, long b, long c, long d, long e) {
        return call(function, a, b, c, d, e, 0, 0, 0, 0, 0, 0);
    }

    /** Calls a function of eleven arguments. */
    public static long call(
            MemorySegment function,
            long a,
            long b,
            long c,
            long d,
            long e,
            long f,
            long g,
            long h,
            long i,
            long j,
            long k) {
        try {
            return (long) HANDLE.invokeExact(function, a, b, c, d, e, f, g, h, i, j, k);
        } catch (Throwable thrown) {
            throw unchecked(thrown);
        }
    }

    private static MethodHandle link() {
        var words = new MemoryLayout[WORDS];
        Arrays.fill(words, JAVA_LONG);
        return Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_LONG, words));
    }

    /** What a handle threw, to be rethrown: native functions throw nothing themselves. */
    private static RuntimeException unchecked(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            return e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
        return new IllegalStateException("a native call threw", thrown);
    }
}
