package org.panoptim.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Small pieces of native memory for the arguments and results of running calls. */
final class Scratch {

    /** Bytes of a piece: a cache line. */
    private static final int BYTES = 64;

    private final CallSlots slots = new CallSlots();
    private final MemorySegment[] pieces = new MemorySegment[CallSlots.COUNT];

    Scratch() {
        var memory = Arena.global().allocate((long) pieces.length * BYTES, BYTES);
        for (int i = 0; i < pieces.length; i++) {
            pieces[i] = memory.asSlice((long) i * BYTES, BYTES);
        }
    }

    /** Takes a piece for the running call. */
    int acquire() {
        return slots.acquire();
    }

    /** The memory of a piece. */
    MemorySegment at(int piece) {
        return pieces[piece];
    }

    /** Gives a piece back. */
    void release(int piece) {
        slots.release(piece);
    }
}
