package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.tests.functions.Comparison;
import org.panoptim.tests.functions.FunctionArguments;
import org.panoptim.tests.functions.StrictFunction;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The functions that rules may prepare a step with, in kernels for tests alone ({@code
 * tests/native/test_functions.cu}).
 */
@Tag("virtual-gpu")
class DeviceFunctionsTest {

    private static final int EACH = 20_000;
    private static final int BLOCKS = 3;
    private static final int THREADS = 32;

    @ParameterizedTest
    @EnumSource
    void everyResultOfAKernelHasTheBitsOfStrictMath(StrictFunction function) throws IOException {
        try (var kernels = new Kernels(Implementation.FFM.driver())) {
            long compared =
                    Comparison.compare(
                            function, kernels::compute, FunctionArguments.of(function, EACH));

            assertThat(compared).isGreaterThan(3 * EACH);
        }
    }

    /** The module of the virtual driver, which has the kernels for tests too. */
    private static final class Kernels implements AutoCloseable {

        private final CudaDriver driver;
        private final long stream;
        private final long module;

        Kernels(CudaDriver driver) throws IOException {
            this.driver = driver;
            // Which also initializes the driver
            assertThat(driver.deviceCount()).isPositive();
            driver.setContext(driver.retainPrimaryContext(0));
            stream = driver.createStream();
            try (var arena = Arena.ofConfined()) {
                var image = Files.readString(Path.of(System.getProperty("panoptim.kernels")));
                module = driver.loadModule(arena.allocateFrom(image));
            }
        }

        void compute(StrictFunction function, double[] x, double[] y, double[] results) {
            long bytes = (long) results.length * Double.BYTES;
            long memory = driver.allocate(3 * bytes, stream);
            try (var arena = Arena.ofConfined()) {
                var host = arena.allocate(3 * bytes, Double.BYTES);
                copy(x, host, 0);
                copy(y, host, bytes);
                driver.copyToDevice(memory, host.address(), 2 * bytes, stream);
                var call =
                        arena.allocateFrom(
                                ValueLayout.JAVA_LONG,
                                memory,
                                memory + bytes,
                                memory + 2 * bytes,
                                results.length);
                driver.launch(
                        driver.function(module, function.symbol()),
                        function.symbol(),
                        BLOCKS,
                        THREADS,
                        0,
                        stream,
                        call);
                driver.copyToHost(
                        host.asSlice(2 * bytes).address(), memory + 2 * bytes, bytes, stream);
                driver.synchronizeStream(stream);
                MemorySegment.copy(
                        host, ValueLayout.JAVA_DOUBLE, 2 * bytes, results, 0, results.length);
            } finally {
                driver.free(memory, stream);
            }
        }

        private static void copy(double[] from, MemorySegment to, long offset) {
            MemorySegment.copy(from, 0, to, ValueLayout.JAVA_DOUBLE, offset, from.length);
        }

        @Override
        public void close() {
            driver.unloadModule(module);
            driver.destroyStream(stream);
            driver.releasePrimaryContext(0);
        }
    }
}
