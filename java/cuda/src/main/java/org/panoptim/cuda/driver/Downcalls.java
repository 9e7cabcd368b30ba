package org.panoptim.cuda.driver;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Makes handles of native functions that take addresses as {@code long}s. */
final class Downcalls {

    private Downcalls() {}

    /**
     * A handle of a function whose binding takes memory segments; with {@code long}s in their place
     * a call makes no objects.
     */
    static MethodHandle ofLongs(MemorySegment address, FunctionDescriptor descriptor) {
        var result = descriptor.returnLayout().orElseThrow();
        var arguments =
                descriptor.argumentLayouts().stream()
                        .map(
                                layout ->
                                        layout instanceof AddressLayout
                                                ? ValueLayout.JAVA_LONG
                                                : layout)
                        .toArray(MemoryLayout[]::new);
        return Linker.nativeLinker()
                .downcallHandle(address, FunctionDescriptor.of(result, arguments));
    }

    /** What a handle threw, for throwing on: native functions throw nothing of their own. */
    static RuntimeException unchecked(Throwable thrown) {
        return switch (thrown) {
            case RuntimeException e -> e;
            case Error e -> throw e;
            default -> new IllegalStateException("a native call threw", thrown);
        };
    }
}
