package org.panoptim.tests.equivalence;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** Equality by bits as the library promises it: all NaNs count as one value. */
final class Bits {

    private Bits() {}

    /** The first difference between two tensors, in words. */
    static Optional<String> difference(MemorySegment expected, MemorySegment actual) {
        if (expected.byteSize() != actual.byteSize()) {
            return Optional.of(
                    "sizes differ: " + expected.byteSize() + " and " + actual.byteSize());
        }
        if (expected.mismatch(actual) < 0) {
            return Optional.empty();
        }
        long elements = expected.byteSize() / Float.BYTES;
        for (long i = 0; i < elements; i++) {
            float left = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            float right = actual.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (!equal(left, right)) {
                return Optional.of(
                        "element "
                                + i
                                + " of "
                                + elements
                                + " is "
                                + shown(right)
                                + ", but should be "
                                + shown(left));
            }
        }
        return Optional.empty();
    }

    static boolean equal(float a, float b) {
        // floatToIntBits has one NaN only.
        return Float.floatToIntBits(a) == Float.floatToIntBits(b);
    }

    private static String shown(float value) {
        return value + " (" + Float.toHexString(value) + ")";
    }
}
