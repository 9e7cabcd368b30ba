package org.panoptim.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The numbers that a tensor is filled with, between -1 and 1; a function of seed, tensor and index
 * that is fast to compute.
 */
final class Numbers {

    private int state;

    Numbers(long seed, int tensor) {
        state = (int) (seed * 1_000_003 + tensor) * 0x9E3779B9 + 1;
    }

    /** Fills a block of a tensor, which follows the block filled before. */
    void fill(MemorySegment block) {
        long elements = block.byteSize() / Float.BYTES;
        int last = state;
        for (long i = 0; i < elements; i++) {
            last = last * 1_664_525 + 1_013_904_223;
            block.setAtIndex(ValueLayout.JAVA_FLOAT, i, (last >> 8) * 0x1p-23f);
        }
        state = last;
    }
}
