package org.panoptim.internal.shard;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums of floats by adjacent pairs: whoever adds them, and wherever, the bits are the same. */
final class TreeSum {

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private TreeSum() {}

    /**
     * Adds up rows of equal length into the first; the others are overwritten.
     *
     * @param rows floats, row after row
     * @param count a power of two of rows
     */
    static void join(MemorySegment rows, int count, long elements) {
        for (int apart = 1; apart < count; apart *= 2) {
            for (int row = 0; row < count; row += 2 * apart) {
                add(rows, row * elements, (row + apart) * elements, elements);
            }
        }
    }

    private static void add(MemorySegment rows, long to, long from, long elements) {
        for (long i = 0; i < elements; i++) {
            float sum = rows.getAtIndex(FLOAT, to + i) + rows.getAtIndex(FLOAT, from + i);
            rows.setAtIndex(FLOAT, to + i, sum);
        }
    }

    /** Adds an earlier leaf, or sum of leaves, to a later one, which has the sum. */
    static void add(MemorySegment earlier, MemorySegment later) {
        for (long i = 0; i < later.byteSize() / Float.BYTES; i++) {
            later.setAtIndex(FLOAT, i, earlier.getAtIndex(FLOAT, i) + later.getAtIndex(FLOAT, i));
        }
    }
}
