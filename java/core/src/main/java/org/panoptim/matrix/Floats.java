package org.panoptim.matrix;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Reading matrices of floats in host memory. */
public final class Floats {

    /** Stands for any thread that owns nothing. */
    private static final Thread ANY = Thread.ofPlatform().unstarted(() -> {});

    private Floats() {}

    /** Whether every thread may read and write a segment; an arena may be confined to one. */
    public static boolean isShared(MemorySegment segment) {
        return segment.isAccessibleBy(ANY);
    }

    /** Why this thread may not touch a segment now, if so. */
    public static Optional<String> fault(MemorySegment segment) {
        var thread = Thread.currentThread();
        if (!segment.scope().isAlive()) {
            return Optional.of("its arena is closed");
        }
        return segment.isAccessibleBy(thread)
                ? Optional.empty()
                : Optional.of("its arena is confined to a thread other than " + thread.getName());
    }

    public static float get(MemorySegment values, long index) {
        return values.getAtIndex(JAVA_FLOAT_UNALIGNED, index);
    }

    public static void set(MemorySegment values, long index, float value) {
        values.setAtIndex(JAVA_FLOAT_UNALIGNED, index, value);
    }

    /** The sum of squares of scaled values, in double. */
    public static double sumOfSquares(MemorySegment values, double scale) {
        double sum = 0;
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            double value = get(values, i) * scale;
            sum += value * value;
        }
        return sum;
    }

    /** A copy of values, multiplied in double. */
    public static MemorySegment scaled(MemorySegment values, double scale, Arena arena) {
        var scaled = arena.allocate(values.byteSize(), 64);
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            set(scaled, i, (float) (get(values, i) * scale));
        }
        return scaled;
    }

    /** The largest sum of a row's absolute values in a square matrix. */
    public static double largestRowSum(MemorySegment matrix, int n) {
        double largest = 0;
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int j = 0; j < n; j++) {
                sum += Math.abs(get(matrix, (long) i * n + j));
            }
            largest = Math.max(largest, sum);
        }
        return largest;
    }

    /** A square matrix's diagonal, summed in double. */
    public static double trace(MemorySegment matrix, int n) {
        double trace = 0;
        for (int i = 0; i < n; i++) {
            trace += get(matrix, (long) i * n + i);
        }
        return trace;
    }
}
