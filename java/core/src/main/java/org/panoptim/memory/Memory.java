package org.panoptim.memory;

import java.util.Objects;

/**
 * Where a tensor's elements lie. Panoptim never frees memory that it was handed: whoever allocated
 * it closes it, after the optimizer.
 */
public sealed interface Memory permits HostMemory, DeviceMemory {

    /** The size in bytes. */
    long byteSize();

    /** The address of the first byte; for memory on the Java heap an offset that means nothing. */
    long address();

    /** Whether it shares a byte with other memory. */
    default boolean overlaps(Memory other) {
        Objects.requireNonNull(other, "other");
        // Not a switch: the first one over patterns takes a fresh process as long as a step.
        if (this instanceof HostMemory(var own)) {
            return other instanceof HostMemory(var segment)
                    && own.asOverlappingSlice(segment).isPresent();
        }
        return this instanceof DeviceMemory
                && other instanceof DeviceMemory
                && address() < other.address() + other.byteSize()
                && other.address() < address() + byteSize();
    }
}
