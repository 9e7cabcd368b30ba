package org.panoptim.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Memory that the CPU reads and writes. Until nothing uses it any more, the memory behind a segment
 * that {@link MemorySegment#ofAddress} made must not be freed, and a mapped file not be cut:
 * neither can be noticed, and the JVM may crash. An arena that is closed is noticed (see {@link
 * org.panoptim.parameter.Parameter}).
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
