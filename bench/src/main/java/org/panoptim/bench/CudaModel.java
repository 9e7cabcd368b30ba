package org.panoptim.bench;

import org.panoptim.Buffer;
import org.panoptim.DeviceMemory;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.cuda.CudaBackend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** A workload's tensors on a device, each at a multiple of 512 bytes of one piece of memory. */
final class CudaModel implements AutoCloseable {

    private static final long ALIGNMENT = 512;
    private static final int BLOCK = 1 << 20;

    private final Buffer values;
    private final Buffer gradients;
    private final List<Parameter> parameters = new ArrayList<>();

    CudaModel(CudaBackend backend, List<Shape> shapes) {
        long bytes = shapes.stream().mapToLong(CudaModel::room).sum();
        values = backend.allocate(bytes);
        try {
            gradients = backend.allocate(bytes);
        } catch (RuntimeException e) {
            values.close();
            throw e;
        }
        fill(values, 1);
        fill(gradients, 2);
        long place = 0;
        for (var shape : shapes) {
            long size = shape.elements() * Float.BYTES;
            parameters.add(
                    Parameter.of("tensor" + parameters.size(), shape, at(values, place, size))
                            .gradient(at(gradients, place, size)));
            place += room(shape);
        }
    }

    private static long room(Shape shape) {
        return Math.ceilDiv(shape.elements() * Float.BYTES, ALIGNMENT) * ALIGNMENT;
    }

    private static DeviceMemory at(Buffer buffer, long place, long bytes) {
        return new DeviceMemory(buffer.memory().address() + place, bytes);
    }

    /** The same random numbers again and again: what they are is no matter to the time. */
    private static void fill(Buffer buffer, long seed) {
        var random = new SplittableRandom(seed);
        try (var arena = Arena.ofConfined()) {
            long bytes = buffer.memory().byteSize();
            var block =
                    arena.allocate(ValueLayout.JAVA_FLOAT, Math.min(BLOCK, bytes / Float.BYTES));
            for (long i = 0; i < block.byteSize() / Float.BYTES; i++) {
                block.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
            }
            for (long done = 0; done < bytes; done += block.byteSize()) {
                MemorySegment part = block.asSlice(0, Math.min(block.byteSize(), bytes - done));
                buffer.write(done, part);
            }
        }
    }

    List<Parameter> parameters() {
        return parameters;
    }

    long elements() {
        return parameters.stream().mapToLong(Parameter::elements).sum();
    }

    @Override
    public void close() {
        gradients.close();
        values.close();
    }
}
