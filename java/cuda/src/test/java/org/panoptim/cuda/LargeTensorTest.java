package org.panoptim.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_TOTALS;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.abi.bindings.panoptim_chunk;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.abi.bindings.panoptim_group;
import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_prepared;
import org.panoptim.abi.bindings.panoptim_progress;
import org.panoptim.abi.bindings.panoptim_schedule_entry;
import org.panoptim.abi.bindings.panoptim_tensor;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.driver.HostCopies;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Trap 1 of other libraries on a device: tensors of more than 2³¹ elements. Only the last chunk has
 * memory; the tensor begins so far below it that the chunk lies where the tensor's last one must,
 * and kernels see that chunk alone. An index that wraps around leads out of the memory, which the
 * virtual GPU finds.
 */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class LargeTensorTest {

    private static final long CHUNK = DeviceTables.CHUNK_ELEMENTS;

    private static final double CLIP = 1;

    private static final AdamW RULE = AdamW.withLearningRate(0.5);

    @ParameterizedTest
    @ValueSource(longs = {(1L << 31) - 1, 1L << 31, (1L << 32) + 1})
    void theLastChunkIsMeasuredAndUpdatedInItsPlace(long elements) {
        long chunk = (elements - 1) / CHUNK;
        int length = (int) (elements - chunk * CHUNK);
        var values = numbers(length, 3);
        var gradients = numbers(length, 5);
        try (var device = new Memory()) {
            var value = device.array(values);
            var gradient = device.array(gradients);
            var average = device.array(new float[length]);
            var square = device.array(new float[length]);
            long below = chunk * CHUNK * Float.BYTES;

            var tensor = panoptim_tensor.allocate(device.arena);
            panoptim_tensor.value(tensor, pointer(value - below));
            panoptim_tensor.slots(tensor, 0, pointer(average - below));
            panoptim_tensor.slots(tensor, 1, pointer(square - below));
            panoptim_tensor.elements(tensor, elements);
            panoptim_tensor.chunks(tensor, 1);
            var chunkRow = panoptim_chunk.allocate(device.arena);
            panoptim_chunk.index(chunkRow, Math.toIntExact(chunk));
            device.step(tensor, chunkRow, gradient - below);

            try (var reference = new ReferenceStep(values, gradients)) {
                assertThat(device.gradientNorm()).isEqualTo(reference.norm());
                assertThat(device.read(value, length)).containsExactly(reference.values());
                assertThat(device.read(average, length))
                        .containsExactly(reference.state("exp_avg"));
                assertThat(device.read(square, length))
                        .containsExactly(reference.state("exp_avg_sq"));
            }
        }
    }

    private static float[] numbers(int length, int seed) {
        var numbers = new float[length];
        for (int i = 0; i < length; i++) {
            numbers[i] = (float) Math.sin(seed + i);
        }
        return numbers;
    }

    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address);
    }

    /** A device with the kernels; what is allocated lasts until it is closed. */
    private static final class Memory implements AutoCloseable {

        private final Arena arena = Arena.ofConfined();
        private final CudaDriver driver = FfmCuda.load();
        private final CudaDevice device = CudaDevice.open(driver, 0);
        private final List<Long> allocated = new ArrayList<>();
        private final HostCopies copies;
        private final CudaKernels kernels;
        private final MemorySegment control = panoptim_control.allocate(arena);
        private long controlAddress;

        Memory() {
            device.enter();
            copies = new HostCopies(device);
            kernels = new CudaKernels("cuda", device, copies);
        }

        /** Memory that ends with the array, so that a step beyond it is found. */
        long array(float[] values) {
            return send(MemorySegment.ofArray(values));
        }

        private long send(MemorySegment table) {
            long address = driver.allocate(table.byteSize(), 0);
            allocated.add(address);
            copies.toDevice(address, table, 0);
            return address;
        }

        private MemorySegment table(MemorySegment table) {
            return pointer(send(table));
        }

        private MemorySegment zeros(long bytes) {
            return table(arena.allocate(bytes, 8));
        }

        float[] read(long address, int length) {
            var values = new float[length];
            copies.toHost(MemorySegment.ofArray(values), address, 0);
            return values;
        }

        double gradientNorm() {
            copies.toHost(control, controlAddress, 0);
            return panoptim_control.gradient_norm(control);
        }

        /** A step of one tensor of which the kernels know one chunk. */
        void step(MemorySegment tensor, MemorySegment chunk, long gradient) {
            var rule = kernels.registry().kernel(RULE);
            panoptim_tensor.rule(tensor, rule.index());
            var launch = panoptim_launch.allocate(arena);
            describe(panoptim_launch.plan(launch), tensor, chunk, gradient);
            panoptim_launch.progress(launch, zeros(panoptim_progress.sizeof()));
            panoptim_launch.chunk_list(launch, zeros(Integer.BYTES));
            panoptim_launch.chunk_list_count(launch, 1);
            panoptim_launch.stages(launch, Launch.BEGIN | Launch.SETTLE | Launch.PREPARE);
            run(kernels.measure(), launch);
            run(kernels.control(rule), launch);
            run(kernels.update(rule, false), launch);
            driver.synchronizeStream(0);
        }

        private void run(CudaKernels.Kernel kernel, MemorySegment launch) {
            new Launch(kernel, 1, launch).on(driver, 0);
        }

        private void describe(
                MemorySegment plan, MemorySegment tensor, MemorySegment chunk, long gradient) {
            panoptim_plan.groups(plan, table(group()));
            panoptim_plan.tensors(plan, table(tensor));
            panoptim_plan.chunks(plan, table(chunk));
            panoptim_plan.gradients(plan, table(arena.allocateFrom(JAVA_LONG, gradient)));
            panoptim_plan.curvatures(plan, zeros(Long.BYTES));
            panoptim_plan.schedule(plan, table(schedule()));
            panoptim_plan.counts(plan, zeros(Long.BYTES));
            panoptim_plan.prepared(plan, zeros(panoptim_prepared.sizeof()));
            panoptim_plan.prepared_index(plan, zeros(Integer.BYTES));
            panoptim_plan.partials(plan, zeros(8L * PANOPTIM_PARTIALS()));
            panoptim_plan.totals(plan, zeros(8L * PANOPTIM_TOTALS()));
            panoptim_control.clip_norm(control, CLIP);
            panoptim_control.loss_scale(control, 1);
            panoptim_control.measure(control, 1);
            controlAddress = send(control);
            panoptim_plan.control(plan, pointer(controlAddress));
            panoptim_plan.group_count(plan, 1);
            panoptim_plan.tensor_count(plan, 1);
            panoptim_plan.chunk_count(plan, 1);
            panoptim_plan.chunk_elements(plan, CHUNK);
            panoptim_plan.schedule_entries(plan, 1);
        }

        private MemorySegment group() {
            var row = panoptim_group.allocate(arena);
            var rule = kernels.registry().kernel(RULE);
            var hyper = arena.allocate(rule.hyperBytes(), 8);
            kernels.registry().writeHyper(kernels.registry().kernel(RULE), RULE, hyper);
            panoptim_group.hyper(row, table(hyper));
            panoptim_group.rule(row, rule.index());
            return row;
        }

        private MemorySegment schedule() {
            var entry = panoptim_schedule_entry.allocate(arena);
            panoptim_schedule_entry.rate_factor(entry, 1);
            panoptim_schedule_entry.momentum(entry, Double.NaN);
            panoptim_schedule_entry.step(entry, 1);
            return entry;
        }

        @Override
        public void close() {
            allocated.forEach(address -> driver.free(address, 0));
            kernels.close();
            copies.close();
            device.close();
            arena.close();
        }
    }

    /** The same step of a tensor that is no longer than the chunk. */
    private static final class ReferenceStep implements AutoCloseable {

        private final Arena arena = Arena.ofConfined();
        private final Backend backend = Backend.named("reference");
        private final MemorySegment value;
        private final Parameter parameter;
        private final Optimizer optimizer;
        private final double norm;

        ReferenceStep(float[] values, float[] gradients) {
            value = arena.allocateFrom(JAVA_FLOAT, values);
            parameter =
                    Parameter.of("p", Shape.of(values.length), value)
                            .gradient(arena.allocateFrom(JAVA_FLOAT, gradients));
            optimizer =
                    Optimizer.builder(RULE)
                            .group("all", List.of(parameter))
                            .clipGlobalNorm(CLIP)
                            .backend(backend)
                            .build();
            optimizer.step();
            norm = optimizer.report().gradientNorm().orElseThrow();
        }

        double norm() {
            return norm;
        }

        float[] state(String slot) {
            return optimizer.state("p", slot).toArray();
        }

        float[] values() {
            return value.toArray(JAVA_FLOAT);
        }

        @Override
        public void close() {
            optimizer.close();
            backend.close();
            arena.close();
        }
    }
}
