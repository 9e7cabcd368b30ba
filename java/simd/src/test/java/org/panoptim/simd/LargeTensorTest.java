package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_schedule_entry;
import org.panoptim.abi.bindings.panoptim_tensor;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.simd.bindings.LibPanoptim;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Trap 1 of other libraries: tensors of more than 2³¹ elements. Value, gradient and states lie in a
 * file with holes, and only the chunk at the far end is worked on, so nothing of that size is ever
 * read or written: the tables and the addresses are what is tested.
 */
class LargeTensorTest {

    private static final long LARGEST = (1L << 32) + 1;

    /** What lies next to the last element, in the last chunk and in the one before. */
    private static final float BYSTANDER = 7;

    record Size(long elements, Tier tier) {}

    static Stream<Size> sizesAndTiers() {
        return LongStream.of((1L << 31) - 1, 1L << 31, LARGEST)
                .boxed()
                .flatMap(
                        elements ->
                                SimdBackend.usableTiers().stream()
                                        .map(tier -> new Size(elements, tier)));
    }

    @ParameterizedTest
    @MethodSource("sizesAndTiers")
    void theLastElementIsMeasuredAndUpdatedInItsPlace(Size size, @TempDir Path folder)
            throws IOException {
        long bytes = size.elements * Float.BYTES;
        long last = size.elements - 1;
        try (var arena = Arena.ofShared();
                var channel = sparse(folder.resolve("holes"), 4 * bytes)) {
            var value = map(channel, 0, bytes, arena);
            var gradient = map(channel, 1, bytes, arena);
            var average = map(channel, 2, bytes, arena);
            var square = map(channel, 3, bytes, arena);
            value.setAtIndex(ValueLayout.JAVA_FLOAT, 0, BYSTANDER);
            value.setAtIndex(ValueLayout.JAVA_FLOAT, last - 1, BYSTANDER);
            value.setAtIndex(ValueLayout.JAVA_FLOAT, last, 1);
            gradient.setAtIndex(ValueLayout.JAVA_FLOAT, last, 3);
            var control = control(arena);
            try (var states = new HostStates();
                    var tables = tables(size.elements, value, states, control)) {
                var plan = tables.plan().reinterpret(panoptim_plan.sizeof());
                turnIntoAdamW(plan, arena, average, square);
                tables.gradients().set(ValueLayout.JAVA_LONG, 0, gradient.address());
                step(size.tier, plan);
            }
            assertThat(panoptim_control.square_sum(control)).isEqualTo(9);
            // Adam's first step is the learning rate, whatever the gradient.
            assertThat(value.getAtIndex(ValueLayout.JAVA_FLOAT, last)).isBetween(0.4999f, 0.5001f);
            assertThat(average.getAtIndex(ValueLayout.JAVA_FLOAT, last)).isBetween(0.299f, 0.301f);
            assertThat(square.getAtIndex(ValueLayout.JAVA_FLOAT, last)).isPositive();
            assertThat(value.getAtIndex(ValueLayout.JAVA_FLOAT, last - 1)).isEqualTo(BYSTANDER);
            assertThat(value.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(BYSTANDER);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {(1L << 31) - 1, 1L << 31, LARGEST})
    void theChunksCoverEveryElementOnceWhateverTheSize(long elements, @TempDir Path folder)
            throws IOException {
        try (var arena = Arena.ofShared();
                var channel = sparse(folder.resolve("holes"), elements * Float.BYTES)) {
            var value = map(channel, 0, elements * Float.BYTES, arena);
            try (var states = new HostStates();
                    var tables = tables(elements, value, states, control(arena))) {
                var plan = tables.plan().reinterpret(panoptim_plan.sizeof());
                long size = panoptim_plan.chunk_elements(plan);
                long count = panoptim_plan.chunk_count(plan);
                assertThat((count - 1) * size).isLessThan(elements);
                assertThat(count * size).isGreaterThanOrEqualTo(elements);
                var chunks =
                        panoptim_plan.chunks(plan).reinterpret(count * panoptim_chunk.sizeof());
                for (long number = 0; number < count; number++) {
                    var chunk = panoptim_chunk.asSlice(chunks, number);
                    assertThat(panoptim_chunk.tensor(chunk)).isZero();
                    assertThat((long) panoptim_chunk.index(chunk)).isEqualTo(number);
                }
                var spans = tables.spans();
                assertThat(spans.from(0)).isZero();
                assertThat(spans.to(spans.count() - 1)).isEqualTo(count);
            }
        }
    }

    /** The checks of a parameter must not wrap around either. */
    @Test
    void sizesInBytesBeyond32BitsAreChecked(@TempDir Path folder) throws IOException {
        try (var arena = Arena.ofShared();
                var channel = sparse(folder.resolve("holes"), LARGEST * Float.BYTES)) {
            var value = map(channel, 0, LARGEST * Float.BYTES, arena);
            assertThat(Parameter.of("large", Shape.of(LARGEST), value).elements())
                    .isEqualTo(LARGEST);
            assertThatThrownBy(() -> Parameter.of("large", Shape.of(1), value))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static FileChannel sparse(Path file, long bytes) throws IOException {
        var channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.SPARSE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        channel.write(ByteBuffer.allocate(1), bytes - 1);
        return channel;
    }

    private static MemorySegment map(FileChannel channel, int part, long bytes, Arena arena)
            throws IOException {
        return channel.map(FileChannel.MapMode.READ_WRITE, part * bytes, bytes, arena);
    }

    private static MemorySegment control(Arena arena) {
        var control = panoptim_control.allocate(arena);
        panoptim_control.clip_norm(control, Double.POSITIVE_INFINITY);
        panoptim_control.loss_scale(control, 1);
        panoptim_control.measure(control, 1);
        return control;
    }

    /** Tables for a rule without states, for which none of that size are allocated. */
    private static Tables tables(
            long elements, MemorySegment value, HostStates states, MemorySegment control) {
        var parameter = Parameter.of("large", Shape.of(elements), value);
        var group = new ParameterGroup("all", SGD.defaults(), List.of(parameter));
        states.addMissing(List.of(group));
        var kernels = new PlanKernels(List.of(group), SimdBackend.registry());
        return new Tables(kernels, states, Lent.nothing(), Shares.whole(), control);
    }

    private static void turnIntoAdamW(
            MemorySegment plan, Arena arena, MemorySegment average, MemorySegment square) {
        var rule = AdamW.withLearningRate(0.5).withWeightDecay(0);
        var registry = SimdBackend.registry();
        var kernel = registry.kernel(rule);
        var hyper = arena.allocate(kernel.hyperBytes(), 8);
        registry.writeHyper(kernel, rule, hyper);
        var group = panoptim_plan.groups(plan).reinterpret(panoptim_group.sizeof());
        panoptim_group.hyper(group, hyper);
        panoptim_group.rule(group, kernel.index());
        var tensor = panoptim_plan.tensors(plan).reinterpret(panoptim_tensor.sizeof());
        panoptim_tensor.rule(tensor, kernel.index());
        panoptim_tensor.slots(tensor, 0, average);
        panoptim_tensor.slots(tensor, 1, square);
        var schedule = panoptim_plan.schedule(plan).reinterpret(panoptim_schedule_entry.sizeof());
        panoptim_schedule_entry.rate_factor(schedule, 1);
        panoptim_schedule_entry.momentum(schedule, Double.NaN);
    }

    /** A step whose measure and update see the last chunk alone. */
    private static void step(Tier tier, MemorySegment plan) {
        long chunks = panoptim_plan.chunk_count(plan);
        assertThat(LibPanoptim.panoptim_measure(tier.code(), plan, chunks - 1, chunks)).isZero();
        assertThat(LibPanoptim.panoptim_gather(plan)).isZero();
        assertThat(LibPanoptim.panoptim_decide(plan)).isZero();
        assertThat(LibPanoptim.panoptim_prepare(plan, 0)).isZero();
        assertThat(LibPanoptim.panoptim_update(tier.code(), plan, 0, chunks - 1, chunks)).isZero();
    }
}
