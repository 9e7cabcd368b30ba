package org.panoptim.cli.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * What native code prints by itself, past the streams of Java: Gloo tells standard output of every
 * connection, where results are to be.
 */
public final class NativeOutput {

    private static final int STANDARD_OUTPUT = 1;
    private static final int WRITE_ONLY = 1;

    private NativeOutput() {}

    /**
     * Does something, while whatever is printed to standard output is lost, by Java too. Where
     * there are no POSIX calls it is done as it is.
     */
    public static <T> T discarding(Supplier<T> work) {
        boolean posix = Linker.nativeLinker().defaultLookup().find("dup2").isPresent();
        int output = posix ? call("dup", STANDARD_OUTPUT) : -1;
        if (output < 0) {
            return work.get();
        }
        try (var arena = Arena.ofConfined()) {
            redirect(call("open", arena.allocateFrom("/dev/null"), WRITE_ONLY));
            return work.get();
        } finally {
            redirect(output);
        }
    }

    /** Lets standard output be what a descriptor is, which is closed; a negative one: as it was. */
    private static void redirect(int descriptor) {
        // What is in the buffer of C belongs to where output went until now.
        call("fflush", MemorySegment.NULL);
        if (descriptor >= 0) {
            call("dup2", descriptor, STANDARD_OUTPUT);
            call("close", descriptor);
        }
    }

    /** Calls a function of C, which there is, with pointers and ints. */
    @SuppressWarnings("restricted")
    private static int call(String function, Object... arguments) {
        var types = new MemoryLayout[arguments.length];
        for (int i = 0; i < types.length; i++) {
            types[i] = arguments[i] instanceof MemorySegment ? ADDRESS : JAVA_INT;
        }
        var linker = Linker.nativeLinker();
        var handle =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow(function),
                        FunctionDescriptor.of(JAVA_INT, types));
        try {
            return (int) handle.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException(function, e);
        }
    }
}
