package org.panoptim.spi.kronecker;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** Reading matrices of floats in host memory. */
final class Floats {

    private Floats() {}

    static float get(MemorySegment values, long index) {
        return values.getAtIndex(JAVA_FLOAT_UNALIGNED, index);
    }

    static void set(MemorySegment values, long index, float value) {
        values.setAtIndex(JAVA_FLOAT_UNALIGNED, index, value);
    }

    /** A square matrix's diagonal, summed in double. */
    static double trace(MemorySegment matrix, int n) {
        double trace = 0;
        for (int i = 0; i < n; i++) {
            trace += get(matrix, (long) i * n + i);
        }
        return trace;
    }
}
