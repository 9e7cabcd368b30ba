package org.panoptim.internal.lbfgs;

import org.panoptim.backend.Backend;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A vector with an element for each one of the caller's parameters, in memory of the backend: one
 * buffer, with a part for each parameter, shaped as that is. Zero at first.
 */
final class Vector implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    private final Buffer buffer;
    private final List<Parameter> parts = new ArrayList<>();
    private final List<Long> offsets = new ArrayList<>();

    Vector(Backend backend, List<Parameter> parameters) {
        long end = 0;
        for (var parameter : parameters) {
            offsets.add(end);
            long bytes = parameter.value().byteSize();
            end += Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
        }
        buffer = backend.allocate(Math.max(end, ALIGNMENT));
        for (int i = 0; i < offsets.size(); i++) {
            var like = parameters.get(i);
            var memory = slice(buffer.memory(), offsets.get(i), like.value().byteSize());
            parts.add(Parameter.of(like.name(), like.shape(), like.order(), memory));
        }
    }

    private static Memory slice(Memory memory, long offset, long bytes) {
        return memory instanceof HostMemory(var segment)
                ? new HostMemory(segment.asSlice(offset, bytes))
                : new DeviceMemory(memory.address() + offset, bytes);
    }

    /** Its parts, as parameters whose gradients the passes that write it may read. */
    List<Parameter> parts() {
        return parts;
    }

    /** The memory of a part. */
    Memory memory(int part) {
        return parts.get(part).value();
    }

    /** A part as a checkpoint takes it. */
    StateTensor state(int part) {
        var parameter = parts.get(part);
        return new Part(buffer, offsets.get(part), parameter.name(), parameter.shape());
    }

    private record Part(Buffer buffer, long start, String parameter, Shape shape)
            implements StateTensor {

        @Override
        public String slot() {
            return "d";
        }

        @Override
        public DType dtype() {
            return DType.F32;
        }

        @Override
        public void read(long offset, MemorySegment destination) {
            Objects.checkFromIndexSize(offset, destination.byteSize(), byteSize());
            buffer.read(start + offset, destination);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            Objects.checkFromIndexSize(offset, source.byteSize(), byteSize());
            buffer.write(start + offset, source);
        }
    }

    @Override
    public void close() {
        buffer.close();
    }
}
