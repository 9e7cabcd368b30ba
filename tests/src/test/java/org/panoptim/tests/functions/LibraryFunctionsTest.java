package org.panoptim.tests.functions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.simd.bindings.NativeLibrary;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The functions as the compiler for the CPU makes them. The testing library exports them. */
@Tag("testing-library")
class LibraryFunctionsTest {

    private static final int EACH = 200_000;

    private static void compute(StrictFunction function, double[] x, double[] y, double[] results) {
        try {
            handle(function)
                    .invokeExact(
                            MemorySegment.ofArray(x),
                            MemorySegment.ofArray(y),
                            MemorySegment.ofArray(results),
                            (long) results.length);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static MethodHandle handle(StrictFunction function) {
        var library = Path.of(System.getProperty(NativeLibrary.PROPERTY));
        return Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.libraryLookup(library, Arena.global())
                                .findOrThrow(function.symbol()),
                        FunctionDescriptor.ofVoid(
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG),
                        Linker.Option.critical(true));
    }

    @ParameterizedTest
    @EnumSource
    void everyResultHasTheBitsOfStrictMath(StrictFunction function) {
        long compared =
                Comparison.compare(
                        function,
                        LibraryFunctionsTest::compute,
                        FunctionArguments.of(function, EACH));

        assertThat(compared).isGreaterThan(3 * EACH);
    }

    @Test
    void aDifferenceInTheLastBitIsFound() {
        assertThatThrownBy(
                        () ->
                                Comparison.compare(
                                        StrictFunction.EXPONENTIAL,
                                        (function, x, y, results) -> {
                                            compute(function, x, y, results);
                                            results[1] = Math.nextUp(results[1]);
                                        },
                                        Stream.of(() -> ArgumentBatch.singles("two", 0.5, 0))))
                .isInstanceOf(AssertionError.class)
                .hasMessage(
                        "exponential(0x0.0p0) is 0x1.0000000000001p0, but StrictMath says 0x1.0p0"
                                + " (two, argument 1)");
    }
}
