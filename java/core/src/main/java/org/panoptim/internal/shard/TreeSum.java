package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.tensor.BFloat16;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Sums of floats by adjacent pairs: whoever adds them, and wherever, the bits are the same. It goes
 * over blocks that stay in the cache, so that memory is read and written once.
 */
final class TreeSum {

    private static final int BLOCK = 4096;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private final float[][] rows;
    private final short[] narrow = new short[BLOCK];

    /**
     * For so many addends.
     *
     * @param addends a power of two
     */
    TreeSum(int addends) {
        rows = new float[addends][BLOCK];
    }

    /**
     * Adds up, and multiplies the sum.
     *
     * @param addends as many elements as the sum has, each
     * @param sum which may be one of the addends
     */
    void run(List<FloatView> addends, float weight, FloatView sum) {
        long elements = sum.elements();
        for (long first = 0; first < elements; first += BLOCK) {
            int count = (int) Math.min(BLOCK, elements - first);
            for (int row = 0; row < rows.length; row++) {
                read(addends.get(row), first, count, rows[row]);
            }
            for (int apart = 1; apart < rows.length; apart *= 2) {
                for (int row = 0; row < rows.length; row += 2 * apart) {
                    add(rows[row], rows[row + apart], count);
                }
            }
            multiply(rows[0], weight, count);
            write(rows[0], sum, first, count);
        }
    }

    private void read(FloatView from, long first, int count, float[] to) {
        if (from.type() == DType.F32) {
            MemorySegment.copy(from.memory(), FLOAT, first * Float.BYTES, to, 0, count);
        } else {
            MemorySegment.copy(from.memory(), SHORT, first * Short.BYTES, narrow, 0, count);
            for (int i = 0; i < count; i++) {
                to[i] = BFloat16.toFloat(narrow[i]);
            }
        }
    }

    private void write(float[] from, FloatView to, long first, int count) {
        if (to.type() == DType.F32) {
            MemorySegment.copy(from, 0, to.memory(), FLOAT, first * Float.BYTES, count);
        } else {
            for (int i = 0; i < count; i++) {
                narrow[i] = BFloat16.of(from[i]);
            }
            MemorySegment.copy(narrow, 0, to.memory(), SHORT, first * Short.BYTES, count);
        }
    }

    private static void add(float[] sum, float[] addend, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] += addend[i];
        }
    }

    private static void multiply(float[] values, float weight, int count) {
        for (int i = 0; i < count; i++) {
            values[i] *= weight;
        }
    }
}
