package org.panoptim.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A buffer in native memory of the host, all zero at first. */
final class HostBuffer implements Buffer {

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    HostBuffer(long byteSize) {
        segment = arena.allocate(byteSize, ALIGNMENT);
    }

    @Override
    public Memory memory() {
        return new HostMemory(segment);
    }

    @Override
    public void write(long offset, MemorySegment source) {
        MemorySegment.copy(source, 0, segment, offset, source.byteSize());
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        MemorySegment.copy(segment, offset, destination, 0, destination.byteSize());
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
