package org.panoptim.cuda.driver;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Hands out numbers below {@link #COUNT}, without a lock and without an allocation. A number
 * belongs to one running call, whatever its thread: what a call needs for its arguments can be kept
 * in an array and used again.
 */
public final class CallSlots {

    /** How many calls can run at once; further ones wait. */
    public static final int COUNT = Long.SIZE;

    /** One bit for each number in use. */
    private final AtomicLong used = new AtomicLong();

    /** All numbers are free. */
    public CallSlots() {}

    /** Takes a number; waits while all are taken. */
    public int acquire() {
        while (true) {
            long now = used.get();
            if (now == -1) {
                Thread.yield();
                continue;
            }
            int slot = Long.numberOfTrailingZeros(~now);
            if (used.compareAndSet(now, now | 1L << slot)) {
                return slot;
            }
        }
    }

    /** Gives a number back that {@link #acquire} gave. */
    public void release(int slot) {
        used.getAndAdd(-(1L << slot));
    }
}
