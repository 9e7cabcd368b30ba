package org.panoptim.simd;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share the spans of one task with the caller. A run allocates nothing.
 *
 * <p>Each thread begins with the same part of the spans in every run of as many: what it left in
 * its caches it finds there again. When it is through, it helps the others with theirs.
 *
 * <p>To wake a thread takes longer than a small task, and on a busy machine the caller may then
 * wait for one that has begun a span and lost its processor. So helpers that sleep are left asleep
 * where there is little work, unless tasks come one right after the other.
 *
 * <p>Spans are claimed one by one from the part's ticket, which holds the run's number in its upper
 * half and the next span in its lower half; a thread that wakes up late finds another number and
 * goes back to sleep.
 */
final class Workers implements AutoCloseable {

    /** A task in numbered pieces that may run in any order and at the same time. */
    interface Task {
        void run(int span);
    }

    /** How often a thread looks for the next run before it sleeps: some microseconds. */
    private static final int SPINS = 2_000;

    /** A run this soon after the last one finds helpers that still look for it, in nanoseconds. */
    private static final long SOON = 50_000;

    /** So many runs in a row that each came soon promise more. */
    private static final int STREAK = 16;

    private static final int RUN_SHIFT = 32;

    /** Tickets lie so far apart that no two share a cache line, or a pair that is fetched. */
    private static final int STRIDE = 16;

    private static final int NO_SPANS = Integer.MAX_VALUE;
    private static final Task NOTHING = _ -> {};

    private final Helper[] helpers;
    private final AtomicBoolean busy = new AtomicBoolean();
    private final AtomicLongArray tickets;
    private final AtomicInteger unfinished = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    private volatile boolean closed;
    private volatile int run;

    // Written only while no ticket offers a span.
    private volatile Task task = NOTHING;
    private volatile int spans;

    // Of the caller that has the helpers.
    private long lastEnd;
    private int streak;

    /** So many threads, the caller's included. */
    Workers(int threads) {
        tickets = new AtomicLongArray(threads * STRIDE);
        helpers = new Helper[threads - 1];
        offerNone(0);
        for (int i = 0; i < helpers.length; i++) {
            helpers[i] = new Helper(i + 1);
            helpers[i].thread.start();
        }
    }

    /** Runs all spans of a task that is worth waking helpers for; otherwise as below. */
    void run(Task newTask, int count) {
        run(newTask, count, true);
    }

    /**
     * Runs all spans and returns when they are done. If another thread is using the helpers, the
     * caller does all of it alone.
     *
     * <p>What a span throws is thrown here, once no span is running any more; of several exceptions
     * one.
     *
     * @param count the number of spans
     * @param worthWaking whether helpers that sleep are to be woken for it alone
     */
    void run(Task newTask, int count, boolean worthWaking) {
        if (count <= 1 || helpers.length == 0 || !busy.compareAndSet(false, true)) {
            for (int span = 0; span < count; span++) {
                newTask.run(span);
            }
            return;
        }
        try {
            int number = run + 1;
            offerNone(number);
            task = newTask;
            spans = count;
            unfinished.set(count);
            for (int part = 0; part <= helpers.length; part++) {
                tickets.set(part * STRIDE, ticket(number, begin(part, count)));
            }
            run = number;
            if (comesSoon() || worthWaking) {
                wake(Math.min(helpers.length, count - 1));
            }
            work(number, 0);
            awaitOthers();
            rethrow(thrown.getAndSet(null));
        } finally {
            lastEnd = System.nanoTime();
            busy.set(false);
        }
    }

    private void wake(int wanted) {
        for (int i = 0; i < wanted; i++) {
            helpers[i].wake();
        }
    }

    /** Whether runs have come one right after the other for a while. */
    private boolean comesSoon() {
        streak = System.nanoTime() - lastEnd < SOON ? Math.min(streak + 1, STREAK) : 0;
        return streak == STREAK;
    }

    private void offerNone(int number) {
        for (int part = 0; part <= helpers.length; part++) {
            tickets.set(part * STRIDE, ticket(number, NO_SPANS));
        }
    }

    private static long ticket(int number, int span) {
        return (long) number << RUN_SHIFT | span;
    }

    /** The first span of a part; a part ends where the next one begins. */
    private int begin(int part, int count) {
        return (int) ((long) count * part / (helpers.length + 1));
    }

    private static void rethrow(@Nullable Throwable problem) {
        switch (problem) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(problem);
        }
    }

    private void awaitOthers() {
        for (int spin = 0; unfinished.get() > 0; spin++) {
            if (spin < SPINS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
    }

    /** Claims and runs spans of that run until none is left, beginning with a thread's part. */
    private void work(int number, int share) {
        int parts = helpers.length + 1;
        for (int i = 0; i < parts; i++) {
            workOn(number, (share + i) % parts);
        }
    }

    private void workOn(int number, int part) {
        while (true) {
            long seen = tickets.get(part * STRIDE);
            int span = (int) seen;
            // Read after the ticket: the exchange below succeeds only if they belong to it.
            var current = task;
            if ((int) (seen >>> RUN_SHIFT) != number || span >= begin(part + 1, spans)) {
                return;
            }
            if (tickets.compareAndSet(part * STRIDE, seen, seen + 1)) {
                try {
                    current.run(span);
                } catch (Throwable e) {
                    // Kept for the caller: a helper has nobody to throw it to.
                    thrown.compareAndSet(null, e);
                } finally {
                    unfinished.decrementAndGet();
                }
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        for (var helper : helpers) {
            LockSupport.unpark(helper.thread);
        }
    }

    private final class Helper implements Runnable {

        private final Thread thread;
        private final int number;
        private volatile boolean asleep;

        Helper(int number) {
            this.number = number;
            thread = Thread.ofPlatform().daemon().name("panoptim-simd-" + number).unstarted(this);
        }

        void wake() {
            if (asleep) {
                LockSupport.unpark(thread);
            }
        }

        @Override
        public void run() {
            int seen = 0;
            while (!closed) {
                int next = Workers.this.run;
                if (next == seen) {
                    await(seen);
                } else {
                    seen = next;
                    work(next, number);
                }
            }
        }

        private void await(int seen) {
            for (int spin = 0; spin < SPINS; spin++) {
                if (Workers.this.run != seen || closed) {
                    return;
                }
                Thread.onSpinWait();
            }
            asleep = true;
            // Asked again after the flag is up, or a wake-up between the two would be lost.
            if (Workers.this.run == seen && !closed) {
                LockSupport.park(Workers.this);
            }
            asleep = false;
        }
    }
}
