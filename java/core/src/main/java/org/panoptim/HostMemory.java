package org.panoptim;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Memory that the CPU reads and writes.
 *
 * @param segment its elements, little-endian and dense; native memory for the native backends
 */
public record HostMemory(MemorySegment segment) implements Memory {

    /** Checks that there is a segment. */
    public HostMemory {
        Objects.requireNonNull(segment, "segment");
    }

    @Override
    public long byteSize() {
        return segment.byteSize();
    }

    @Override
    public long address() {
        return segment.address();
    }
}
