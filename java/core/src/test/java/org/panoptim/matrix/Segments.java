package org.panoptim.matrix;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Small matrices in memory that every thread may touch. */
final class Segments {

    private Segments() {}

    static MemorySegment floats(double... values) {
        var segment = Arena.ofAuto().allocate(JAVA_FLOAT, values.length);
        for (int i = 0; i < values.length; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) values[i]);
        }
        return segment;
    }

    static MemorySegment doubles(double... values) {
        return Arena.ofAuto().allocateFrom(JAVA_DOUBLE, values);
    }

    static float[] read(MemorySegment floats) {
        return floats.toArray(JAVA_FLOAT);
    }
}
