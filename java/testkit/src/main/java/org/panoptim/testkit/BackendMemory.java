package org.panoptim.testkit;

import org.panoptim.backend.Backend;
import org.panoptim.memory.Buffer;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * Allocates tensors where a backend computes on them, and frees what is left of them when it is
 * closed: after the optimizers that use them, and before the backend.
 *
 * <p>In host memory tensors lie between guards, which are NaN: a write outside shows in the guards,
 * and a read outside in the result. A device's tensors have separate buffers, up to the number that
 * a system allows, since the tools that check a device guard its buffers.
 */
public final class BackendMemory implements AutoCloseable {

    private static final int GUARD_BYTES = 64;
    private static final int GUARD = 0x7fc5a5a5;
    private static final MemorySegment GUARDS = guards();

    private static final long ALIGNMENT = 64;
    private static final long SLAB_BYTES = 1 << 20;
    private static final int MOST_DEVICE_BUFFERS = 1000;

    private final Backend backend;
    private final List<Buffer> slabs = new ArrayList<>();
    private final Deque<Buffer> deviceBuffers = new ArrayDeque<>();
    private long slabUsed;

    /** Allocates on a backend, which the caller closes. */
    public BackendMemory(Backend backend) {
        this.backend = backend;
    }

    private static MemorySegment guards() {
        var guards = new int[GUARD_BYTES / Integer.BYTES];
        Arrays.fill(guards, GUARD);
        return MemorySegment.ofArray(guards).asReadOnly();
    }

    /** A tensor of float32 zeros that begins at a multiple of 64 bytes. */
    public BackendTensor allocate(long elements) {
        return allocate(elements, 0);
    }

    /**
     * A tensor of float32 zeros.
     *
     * @param offset how many elements it begins after a multiple of 64 bytes
     */
    public BackendTensor allocate(long elements, int offset) {
        return allocate(DType.F32, elements, offset);
    }

    /**
     * A tensor of zeros.
     *
     * @param type of floats
     * @param offset how many elements it begins after a multiple of 64 bytes
     */
    public BackendTensor allocate(DType type, long elements, int offset) {
        long bytes = elements * type.byteSize();
        long before = (long) offset * type.byteSize();
        if (!backend.usesHostMemory() && deviceBuffers.size() < MOST_DEVICE_BUFFERS) {
            var buffer = backend.allocate(before + bytes);
            deviceBuffers.push(buffer);
            return new BackendTensor(type, buffer, before, bytes, 0, () -> free(buffer));
        }
        long start = reserve(2 * GUARD_BYTES + before + bytes);
        var slab = slabs.getLast();
        long first = start + GUARD_BYTES + before;
        slab.write(first - GUARD_BYTES, GUARDS);
        slab.write(first + bytes, GUARDS);
        return new BackendTensor(type, slab, first, bytes, GUARD_BYTES, () -> {});
    }

    private void free(Buffer buffer) {
        deviceBuffers.remove(buffer);
        buffer.close();
    }

    /** Reserves bytes in the last slab, a new one if needed, and returns their offset. */
    private long reserve(long bytes) {
        long size = Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
        if (slabs.isEmpty() || slabUsed + size > slabs.getLast().memory().byteSize()) {
            slabs.add(backend.allocate(Math.max(size, SLAB_BYTES)));
            slabUsed = 0;
        }
        slabUsed += size;
        return slabUsed - size;
    }

    /** Whether these bytes are those of guards. */
    static boolean areGuards(MemorySegment bytes) {
        return bytes.mismatch(GUARDS) < 0;
    }

    @Override
    public void close() {
        deviceBuffers.forEach(Buffer::close);
        slabs.forEach(Buffer::close);
    }
}
