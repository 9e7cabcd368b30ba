package org.panoptim.matrix;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Matrices in host memory.
 *
 * @param segments one a matrix, which begins at its first element
 */
public record HostBatch(MatrixSize size, List<MemorySegment> segments, boolean isWritable)
        implements MatrixBatch {

    /** Keeps the list. */
    public HostBatch {
        segments = List.copyOf(segments);
    }

    @Override
    public int count() {
        return segments.size();
    }

    /** Equal only to itself: it is a handle. */
    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
