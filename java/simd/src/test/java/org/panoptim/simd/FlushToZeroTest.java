package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.stream.Stream;

/**
 * A library in the same process that turns on flush-to-zero changes what Java computes in that
 * thread, but not what a step does, and the step leaves the setting as it found it.
 *
 * <p>Java has no way to change the setting, so the test brings one: two machine instructions in a
 * separate page.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class FlushToZeroTest {

    private static final int STANDARD = 0x1f80;

    /** Denormal results become zero, and denormal operands count as zero. */
    private static final int FLUSHING = STANDARD | 0x8000 | 0x0040;

    /** {@code ldmxcsr (%rdi); ret}. */
    private static final byte[] LOAD_CONTROL_REGISTER = {0x0f, (byte) 0xae, 0x17, (byte) 0xc3};

    private static final int ELEMENTS = 133;
    private static final float TINY = Float.MIN_VALUE;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    // Not constants, so that no compiler works the sum out beforehand.
    private float left = 3 * TINY;
    private float right = 2 * TINY;

    static Stream<Tier> tiers() {
        return SimdBackend.usableTiers().stream();
    }

    @ParameterizedTest
    @MethodSource("tiers")
    void denormalsSurviveAStepInAThreadThatFlushesThem(Tier tier) throws Throwable {
        var options = SimdOptions.defaults().withTier(tier).withThreads(1);
        try (var arena = Arena.ofShared();
                var backend = SimdBackend.open(options)) {
            var parameter = Parameter.of("p", Shape.of(ELEMENTS), repeated(arena, 5 * TINY));
            parameter.gradient(repeated(arena, 2 * TINY));
            try (var optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(parameter))
                            .statistics(true)
                            .backend(backend)
                            .build()) {
                // Once before, so that the measured step runs no code for the first time.
                optimizer.step();
                var settings = new ControlRegister(arena);
                boolean flushedBefore;
                boolean flushedAfter;
                settings.set(FLUSHING);
                try {
                    flushedBefore = javaFlushes();
                    optimizer.step();
                    flushedAfter = javaFlushes();
                } finally {
                    settings.set(STANDARD);
                }
                assertThat(flushedBefore).as("the thread flushed denormals").isTrue();
                assertThat(flushedAfter).as("it did so after the step").isTrue();
                assertThat(javaFlushes()).isFalse();
                assertThat(floats(parameter)).containsOnly(TINY);
                assertThat(optimizer.report().gradientNorm().orElseThrow()).isPositive();
                assertThat(optimizer.report().updateNorm().orElseThrow()).isPositive();
            }
        }
    }

    private boolean javaFlushes() {
        return left - right == 0;
    }

    private static MemorySegment repeated(Arena arena, float value) {
        var memory = arena.allocate(ValueLayout.JAVA_FLOAT, ELEMENTS);
        for (int i = 0; i < ELEMENTS; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return memory;
    }

    private static float[] floats(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** The register that rules how SSE and AVX instructions round in the calling thread. */
    private static final class ControlRegister {

        private static final int READ_WRITE = 3;
        private static final int READ_EXECUTE = 5;
        private static final int PRIVATE_ANONYMOUS = 0x22;
        private static final int NO_FILE = -1;
        private static final long PAGE = 4096;

        private final MethodHandle load;
        private final MemorySegment word;

        ControlRegister(Arena arena) throws Throwable {
            word = arena.allocate(INT);
            long address =
                    (long)
                            function("mmap", LONG, LONG, LONG, INT, INT, INT, LONG)
                                    .invokeExact(
                                            0L, PAGE, READ_WRITE, PRIVATE_ANONYMOUS, NO_FILE, 0L);
            var code = MemorySegment.ofAddress(address).reinterpret(PAGE);
            code.copyFrom(MemorySegment.ofArray(LOAD_CONTROL_REGISTER));
            int status =
                    (int)
                            function("mprotect", INT, LONG, LONG, INT)
                                    .invokeExact(address, PAGE, READ_EXECUTE);
            assertThat(status).isZero();
            load =
                    Linker.nativeLinker()
                            .downcallHandle(code, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
        }

        private static MethodHandle function(
                String name, MemoryLayout result, MemoryLayout... arguments) {
            var linker = Linker.nativeLinker();
            return linker.downcallHandle(
                    linker.defaultLookup().find(name).orElseThrow(),
                    FunctionDescriptor.of(result, arguments));
        }

        void set(int value) throws Throwable {
            word.set(INT, 0, value);
            load.invokeExact(word);
        }
    }
}
