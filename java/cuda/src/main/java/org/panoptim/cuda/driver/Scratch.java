package org.panoptim.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Small pieces of native memory for the arguments and results of calls, handed out without a lock
 * and without an allocation. A piece belongs to one running call, whatever its thread.
 */
final class Scratch {

    /** Bytes of a piece: a cache line. */
    static final int BYTES = 64;

    private static final int PIECES = Long.SIZE;

    private final MemorySegment[] pieces = new MemorySegment[PIECES];

    /** One bit for each piece that is in use. */
    private final AtomicLong used = new AtomicLong();

    Scratch() {
        var memory = Arena.global().allocate((long) PIECES * BYTES, BYTES);
        for (int i = 0; i < PIECES; i++) {
            pieces[i] = memory.asSlice((long) i * BYTES, BYTES);
        }
    }

    /** Takes a piece; waits while all of them are in use. */
    int acquire() {
        while (true) {
            long now = used.get();
            if (now == -1) {
                Thread.yield();
                continue;
            }
            int piece = Long.numberOfTrailingZeros(~now);
            if (used.compareAndSet(now, now | 1L << piece)) {
                return piece;
            }
        }
    }

    /** The memory of a piece. */
    MemorySegment at(int piece) {
        return pieces[piece];
    }

    /** Gives a piece back. */
    void release(int piece) {
        used.getAndAdd(-(1L << piece));
    }
}
