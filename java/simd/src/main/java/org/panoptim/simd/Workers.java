package org.panoptim.simd;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share the spans of one task with the caller. A run allocates nothing.
 *
 * <p>Spans are claimed one by one from a ticket that holds the run's number in its upper half and
 * the next span in its lower half; a thread that wakes up late finds another number and goes back
 * to sleep.
 */
final class Workers implements AutoCloseable {

    /** A task in numbered pieces that may run in any order and at the same time. */
    interface Task {
        void run(int span);
    }

    /** How often a thread looks for the next run before it sleeps: some microseconds. */
    private static final int SPINS = 2_000;

    private static final int RUN_SHIFT = 32;
    private static final int NO_SPANS = Integer.MAX_VALUE;
    private static final Task NOTHING = _ -> {};

    private final Helper[] helpers;
    private final AtomicBoolean busy = new AtomicBoolean();
    private final AtomicLong ticket = new AtomicLong(NO_SPANS);
    private final AtomicInteger unfinished = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    private volatile boolean closed;
    private volatile int run;

    // Written only while the ticket offers no span.
    private volatile Task task = NOTHING;
    private volatile int spans;

    /** So many threads, the caller's included. */
    Workers(int threads) {
        helpers = new Helper[threads - 1];
        for (int i = 0; i < helpers.length; i++) {
            helpers[i] = new Helper(i + 1);
            helpers[i].thread.start();
        }
    }

    /**
     * Runs all spans and returns when they are done. If another thread is using the helpers, the
     * caller does all of it alone.
     *
     * <p>What a span throws is thrown here, once no span is running any more; of several exceptions
     * one.
     *
     * @param count the number of spans
     */
    void run(Task newTask, int count) {
        if (count <= 1 || helpers.length == 0 || !busy.compareAndSet(false, true)) {
            for (int span = 0; span < count; span++) {
                newTask.run(span);
            }
            return;
        }
        try {
            int number = run + 1;
            ticket.set((long) number << RUN_SHIFT | NO_SPANS);
            task = newTask;
            spans = count;
            unfinished.set(count);
            ticket.set((long) number << RUN_SHIFT);
            run = number;
            int wanted = Math.min(helpers.length, count - 1);
            for (int i = 0; i < wanted; i++) {
                helpers[i].wake();
            }
            work(number);
            awaitOthers();
            rethrow(thrown.getAndSet(null));
        } finally {
            busy.set(false);
        }
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

    /** Claims and runs spans of that run until none is left. */
    private void work(int number) {
        while (true) {
            long seen = ticket.get();
            int span = (int) seen;
            // Read after the ticket: the exchange below succeeds only if they belong to it.
            var current = task;
            if ((int) (seen >>> RUN_SHIFT) != number || span >= spans) {
                return;
            }
            if (ticket.compareAndSet(seen, seen + 1)) {
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
        private volatile boolean asleep;

        Helper(int number) {
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
                int number = Workers.this.run;
                if (number == seen) {
                    await(seen);
                } else {
                    seen = number;
                    work(number);
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
