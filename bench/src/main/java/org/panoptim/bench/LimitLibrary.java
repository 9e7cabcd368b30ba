package org.panoptim.bench;

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
 * The plain C loop of AdamW that Panoptim is compared with ({@code bench/native/limit.c}). The
 * system property {@code panoptim.limit} names its library.
 */
final class LimitLibrary {

    /** The system property that names the library's file. */
    static final String PROPERTY = "panoptim.limit";

    private static final MethodHandle ADAMW = adamw();

    private LimitLibrary() {}

    private static MethodHandle adamw() {
        var property = System.getProperty(PROPERTY);
        if (property == null || !Files.isRegularFile(Path.of(property))) {
            throw new IllegalStateException(
                    "system property "
                            + PROPERTY
                            + " must name libpanoptim-limit, but is "
                            + property);
        }
        var address = ValueLayout.ADDRESS;
        var real = ValueLayout.JAVA_FLOAT;
        return Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.libraryLookup(Path.of(property), Arena.global())
                                .findOrThrow("panoptim_limit_adamw"),
                        FunctionDescriptor.ofVoid(
                                address,
                                address,
                                address,
                                address,
                                ValueLayout.JAVA_LONG,
                                real,
                                real,
                                real,
                                real,
                                real,
                                real));
    }

    /** One step of AdamW with PyTorch's defaults over arrays of so many elements. */
    static void adamw(
            MemorySegment parameters,
            MemorySegment gradients,
            MemorySegment means,
            MemorySegment squares,
            long elements) {
        try {
            ADAMW.invokeExact(
                    parameters,
                    gradients,
                    means,
                    squares,
                    elements,
                    1e-5f,
                    0.9f,
                    0.999f,
                    1e-3f,
                    1f,
                    1e-8f);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("panoptim_limit_adamw threw", e);
        }
    }
}
