package org.panoptim.testkit;

import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** A dense tensor that {@link BackendMemory} allocated. */
public final class BackendTensor implements AutoCloseable {

    private final DType type;
    private final Buffer buffer;
    private final long start;
    private final long byteSize;
    private final int guardBytes;
    private final Runnable free;

    BackendTensor(
            DType type, Buffer buffer, long start, long byteSize, int guardBytes, Runnable free) {
        this.type = type;
        this.buffer = buffer;
        this.start = start;
        this.byteSize = byteSize;
        this.guardBytes = guardBytes;
        this.free = free;
    }

    /** The number of elements. */
    public long elements() {
        return byteSize / type.byteSize();
    }

    /** The memory, for parameters, gradients and curvature. */
    public Memory memory() {
        return switch (buffer.memory()) {
            case HostMemory(var segment) -> new HostMemory(segment.asSlice(start, byteSize));
            case DeviceMemory(var address, _) -> new DeviceMemory(address + start, byteSize);
        };
    }

    /** Sets the first elements, rounded to the tensor's type. */
    public void write(float... values) {
        if (type == DType.F32) {
            write(MemorySegment.ofArray(values));
            return;
        }
        var view = view(values.length);
        for (int i = 0; i < values.length; i++) {
            view.set(i, values[i]);
        }
        write(view.memory());
    }

    private FloatView view(int elements) {
        return new FloatView(MemorySegment.ofArray(new short[elements]), type);
    }

    /**
     * Sets the first elements.
     *
     * @param values of the tensor's type
     * @throws IndexOutOfBoundsException if there are more values than elements
     */
    public void write(MemorySegment values) {
        Objects.checkFromIndexSize(0, values.byteSize(), byteSize);
        buffer.write(start, values);
    }

    /**
     * Copies elements, behind all steps that were taken so far.
     *
     * @param offset the first byte to copy
     * @param destination how much to copy, and where to
     * @throws IndexOutOfBoundsException if there are not that many bytes from there
     */
    public void read(long offset, MemorySegment destination) {
        Objects.checkFromIndexSize(offset, destination.byteSize(), byteSize);
        buffer.read(start + offset, destination);
    }

    /** A copy of all elements, behind all steps that were taken so far. */
    public float[] toArray() {
        var values = new float[Math.toIntExact(elements())];
        if (type == DType.F32) {
            read(0, MemorySegment.ofArray(values));
            return values;
        }
        var view = view(values.length);
        read(0, view.memory());
        for (int i = 0; i < values.length; i++) {
            values[i] = view.get(i);
        }
        return values;
    }

    /** Whether nothing was written next to it; true where there are no guards. */
    public boolean hasIntactGuards() {
        return guardBytes == 0 || areGuards(start - guardBytes) && areGuards(start + byteSize);
    }

    private boolean areGuards(long offset) {
        var bytes = MemorySegment.ofArray(new byte[guardBytes]);
        buffer.read(offset, bytes);
        return BackendMemory.areGuards(bytes);
    }

    /** Frees the memory, unless it is shared: then it is freed with the {@link BackendMemory}. */
    @Override
    public void close() {
        free.run();
    }
}
