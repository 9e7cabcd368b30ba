package org.panoptim.spi.kronecker;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** Reading matrices of floats in host memory. */
final class Floats {

    /** Stands for any thread that owns nothing. */
    private static final Thread ANY = Thread.ofPlatform().unstarted(() -> {});

    private Floats() {}

    /** Whether every thread may read and write a segment; an arena may be confined to one. */
    static boolean isShared(MemorySegment segment) {
        return segment.isAccessibleBy(ANY);
    }

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
