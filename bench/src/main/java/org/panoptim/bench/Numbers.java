package org.panoptim.bench;

import org.panoptim.memory.FloatView;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;

/**
 * The numbers that a tensor is filled with, between -1 and 1; a function of seed, tensor and index
 * that is fast to compute.
 */
final class Numbers {

    private int state;

    Numbers(long seed, int tensor) {
        state = (int) (seed * 1_000_003 + tensor) * 0x9E3779B9 + 1;
    }

    /** Fills a block of a tensor of floats, which follows the block filled before. */
    void fill(MemorySegment block) {
        fill(new FloatView(block, DType.F32));
    }

    /** Fills a block of a tensor, which follows the block filled before. */
    void fill(FloatView block) {
        long elements = block.elements();
        int last = state;
        for (long i = 0; i < elements; i++) {
            last = last * 1_664_525 + 1_013_904_223;
            block.set(i, (last >> 8) * 0x1p-23f);
        }
        state = last;
    }
}
