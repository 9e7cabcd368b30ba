package org.panoptim.tests.equivalence;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Floats with guards on both sides: a write outside shows in the guards, and a read outside shows
 * in the result, since the guards are NaN.
 */
final class Guarded {

    private static final int GUARDS = 16;
    private static final int LINE = 64;
    private static final int GUARD = 0x7fc5a5a5;

    private final MemorySegment block;
    private final MemorySegment values;

    /**
     * Allocates.
     *
     * @param offset how many floats the values begin after a multiple of 64 bytes
     */
    Guarded(Arena arena, long elements, int offset) {
        block = arena.allocate((GUARDS + offset + elements + GUARDS) * Float.BYTES, LINE);
        values = block.asSlice((long) (GUARDS + offset) * Float.BYTES, elements * Float.BYTES);
        for (long i = 0; i < block.byteSize() / Float.BYTES; i++) {
            block.setAtIndex(ValueLayout.JAVA_INT, i, GUARD);
        }
    }

    /** What lies between the guards. */
    MemorySegment values() {
        return values;
    }

    /** Whether nothing was written outside. */
    boolean intact() {
        long first = (values.address() - block.address()) / Float.BYTES;
        long end = first + values.byteSize() / Float.BYTES;
        long all = block.byteSize() / Float.BYTES;
        for (long i = 0; i < all; i++) {
            if (i == first) {
                i = end;
            }
            if (block.getAtIndex(ValueLayout.JAVA_INT, i) != GUARD) {
                return false;
            }
        }
        return true;
    }
}
