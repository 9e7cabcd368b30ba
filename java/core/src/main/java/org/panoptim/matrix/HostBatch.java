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

    /**
     * Keeps the list.
     *
     * @throws IllegalArgumentException if a segment is smaller than a matrix
     */
    public HostBatch {
        segments = List.copyOf(segments);
        long bytes = Math.multiplyExact(size.elements(), (long) Float.BYTES);
        for (var segment : segments) {
            if (segment.byteSize() < bytes) {
                throw new IllegalArgumentException(
                        "a matrix of %s needs %d bytes, but has %d"
                                .formatted(size, bytes, segment.byteSize()));
            }
        }
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
