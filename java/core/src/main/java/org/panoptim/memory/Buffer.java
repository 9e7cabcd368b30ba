package org.panoptim.memory;

import java.lang.foreign.MemorySegment;

/**
 * Memory that a backend computes on, allocated by {@link org.panoptim.backend.Backend#allocate}.
 * Whoever allocated it closes it, after the optimizers that use it and before the backend.
 */
public interface Buffer extends AutoCloseable {

    /**
     * A buffer in native memory of the host, aligned to 64 bytes, all zero at first.
     *
     * @param byteSize at least 0
     */
    static Buffer ofHost(long byteSize) {
        return new HostBuffer(byteSize);
    }

    /**
     * The memory, for {@link org.panoptim.parameter.Parameter#of(String, org.panoptim.tensor.Shape,
     * Memory)} and gradients.
     */
    Memory memory();

    /**
     * Copies bytes in, behind all steps that were taken so far; they are there when this returns.
     *
     * @param offset the first byte to set
     * @param source how much to set, and to what; any segment
     * @throws IndexOutOfBoundsException if the buffer does not have that many bytes from there
     * @throws IllegalStateException if it is closed
     */
    void write(long offset, MemorySegment source);

    /**
     * Copies bytes out, behind all steps that were taken so far.
     *
     * @param offset the first byte to copy
     * @param destination how much to copy, and where to; any segment
     * @throws IndexOutOfBoundsException if the buffer does not have that many bytes from there
     * @throws IllegalStateException if it is closed
     */
    void read(long offset, MemorySegment destination);

    /**
     * Frees the memory; closing twice is harmless.
     *
     * @throws IllegalStateException if a framework is capturing the device's stream; nothing is
     *     freed, and it can be closed when the capture has ended
     */
    @Override
    void close();
}
