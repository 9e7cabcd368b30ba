package org.panoptim.cli.verify;

import org.panoptim.Backend;
import org.panoptim.Buffer;
import org.panoptim.DeviceMemory;
import org.panoptim.HostMemory;
import org.panoptim.Memory;

import java.lang.foreign.MemorySegment;

/** Floats where a backend works on them, at a given distance from an aligned address. */
final class BackendTensor implements AutoCloseable {

    private final int elements;
    private final long offset;
    private final Buffer buffer;

    BackendTensor(Backend backend, int elements, long offset) {
        this.elements = elements;
        this.offset = offset;
        buffer = backend.allocate(offset + byteSize());
    }

    private long byteSize() {
        return (long) elements * Float.BYTES;
    }

    int elements() {
        return elements;
    }

    Memory memory() {
        return switch (buffer.memory()) {
            case HostMemory(var segment) -> new HostMemory(segment.asSlice(offset, byteSize()));
            case DeviceMemory(var address, _) -> new DeviceMemory(address + offset, byteSize());
        };
    }

    void write(float[] values) {
        buffer.write(offset, MemorySegment.ofArray(values));
    }

    float[] toArray() {
        var values = new float[elements];
        buffer.read(offset, MemorySegment.ofArray(values));
        return values;
    }

    @Override
    public void close() {
        buffer.close();
    }
}
