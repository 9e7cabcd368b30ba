package org.panoptim.bench;

import org.panoptim.cuda.CudaBackend;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Tensors on a device, each at a multiple of 512 bytes of one piece of memory. The first values of
 * the gradients are kept, so that a copy within the device's memory brings them back.
 */
final class DeviceModel implements Model {

    private static final long ALIGNMENT = 512;
    private static final long BLOCK_BYTES = 1L << 22;

    private final CudaBackend backend;
    private final Buffer values;
    private final Buffer gradients;
    private final Buffer firstGradients;
    private final List<Extent> extents = new ArrayList<>();
    private final List<List<Parameter>> groups = new ArrayList<>();

    /** Where a tensor lies in each buffer. */
    private record Extent(long offset, long bytes) {

        DeviceMemory in(Buffer buffer) {
            return new DeviceMemory(buffer.memory().address() + offset, bytes);
        }
    }

    DeviceModel(CudaBackend backend, List<List<Shape>> shapes) {
        this.backend = backend;
        long bytes = shapes.stream().flatMap(List::stream).mapToLong(DeviceModel::bytes).sum();
        var allocated = new ArrayList<Buffer>();
        try {
            values = allocate(bytes, allocated);
            gradients = allocate(bytes, allocated);
            firstGradients = allocate(bytes, allocated);
        } catch (RuntimeException e) {
            allocated.forEach(Buffer::close);
            throw e;
        }
        long offset = 0;
        for (var group : shapes) {
            var parameters = new ArrayList<Parameter>();
            for (var shape : group) {
                var extent = new Extent(offset, shape.elements() * Float.BYTES);
                parameters.add(
                        Parameter.of("tensor" + extents.size(), shape, extent.in(values))
                                .gradient(extent.in(gradients)));
                extents.add(extent);
                offset += bytes(shape);
            }
            groups.add(List.copyOf(parameters));
        }
        fill(values, VALUES);
        fill(firstGradients, GRADIENTS);
        refillGradients();
    }

    private Buffer allocate(long bytes, List<Buffer> allocated) {
        var buffer = backend.allocate(bytes);
        allocated.add(buffer);
        return buffer;
    }

    private static long bytes(Shape shape) {
        return Math.ceilDiv(shape.elements() * Float.BYTES, ALIGNMENT) * ALIGNMENT;
    }

    /** Through a block on the host, so that no tensor need fit there as a whole. */
    private void fill(Buffer buffer, long seed) {
        try (var arena = Arena.ofConfined()) {
            var block = arena.allocate(BLOCK_BYTES, Float.BYTES);
            for (int tensor = 0; tensor < extents.size(); tensor++) {
                var extent = extents.get(tensor);
                var numbers = new Numbers(seed, tensor);
                for (long done = 0; done < extent.bytes; done += BLOCK_BYTES) {
                    var part = block.asSlice(0, Math.min(BLOCK_BYTES, extent.bytes - done));
                    numbers.fill(part);
                    buffer.write(extent.offset + done, part);
                }
            }
        }
    }

    CudaBackend backend() {
        return backend;
    }

    @Override
    public List<List<Parameter>> groups() {
        return groups;
    }

    @Override
    public float value(int tensor, long index) {
        return read(values, tensor, index);
    }

    @Override
    public float gradient(int tensor, long index) {
        return read(gradients, tensor, index);
    }

    private float read(Buffer buffer, int tensor, long index) {
        var element = new float[1];
        buffer.read(offset(tensor, index), MemorySegment.ofArray(element));
        return element[0];
    }

    @Override
    public void setGradient(int tensor, long index, float gradient) {
        gradients.write(offset(tensor, index), MemorySegment.ofArray(new float[] {gradient}));
    }

    private long offset(int tensor, long index) {
        var extent = extents.get(tensor);
        return extent.offset + Math.multiplyExact(index, ValueLayout.JAVA_FLOAT.byteSize());
    }

    /**
     * The same parameters with the first values as their gradients: for steps that leave gradients
     * as they are, and to be used by no others.
     */
    List<List<Parameter>> groupsWithFirstGradients() {
        var copies = new ArrayList<List<Parameter>>();
        int tensor = 0;
        for (var group : groups) {
            var parameters = new ArrayList<Parameter>();
            for (var parameter : group) {
                parameters.add(
                        Parameter.of(parameter.name(), parameter.shape(), parameter.value())
                                .gradient(extents.get(tensor++).in(firstGradients)));
            }
            copies.add(parameters);
        }
        return copies;
    }

    /** Queues a copy within the device's memory, and does not wait. */
    @Override
    public void refillGradients() {
        var device = backend.device();
        device.enter();
        device.driver()
                .copyOnDevice(
                        gradients.memory().address(),
                        firstGradients.memory().address(),
                        gradients.memory().byteSize(),
                        backend.stream());
    }

    @Override
    public void refillBeforeStep() {
        refillGradients();
        awaitSteps();
    }

    @Override
    public void awaitSteps() {
        backend.device().enter();
        backend.device().driver().synchronizeStream(backend.stream());
    }

    @Override
    public void close() {
        firstGradients.close();
        gradients.close();
        values.close();
    }
}
