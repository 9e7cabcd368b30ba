package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

/** Spans are shared out so that each runs once and none is still running at the end. */
@Timeout(60)
class WorkersTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void everySpanRunsExactlyOnceInEveryOfManyRuns(int threads) {
        try (var workers = new Workers(threads)) {
            for (int run = 0; run < 5_000; run++) {
                int spans = run % 23;
                var times = new AtomicIntegerArray(23);
                workers.run(times::incrementAndGet, spans);
                for (int span = 0; span < 23; span++) {
                    assertThat(times.get(span)).isEqualTo(span < spans ? 1 : 0);
                }
            }
        }
    }

    /** Helpers that have gone to sleep must be woken, and late ones must not join the next run. */
    @Test
    void everySpanRunsExactlyOnceAfterPauses() {
        try (var workers = new Workers(3)) {
            for (int run = 0; run < 200; run++) {
                LockSupport.parkNanos(run % 7 * 100_000L);
                var times = new AtomicIntegerArray(5);
                workers.run(times::incrementAndGet, 5);
                assertThat(times.toString()).isEqualTo("[1, 1, 1, 1, 1]");
            }
        }
    }

    @Test
    void helpersTakePart() {
        try (var workers = new Workers(2)) {
            var both = new CountDownLatch(2);
            // Neither span can end before the other has begun.
            workers.run(
                    _ -> {
                        both.countDown();
                        await(both);
                    },
                    2);
            assertThat(both.getCount()).isZero();
        }
    }

    @Test
    void helpersThatSleepAreLeftAsleepWhereThereIsLittleToDo() {
        try (var workers = new Workers(2)) {
            for (int run = 0; run < 20; run++) {
                // Long enough for helpers to fall asleep.
                LockSupport.parkNanos(20_000_000);
                var threads = ConcurrentHashMap.<Thread>newKeySet();
                workers.run(
                        _ -> {
                            threads.add(Thread.currentThread());
                            LockSupport.parkNanos(1_000_000);
                        },
                        4,
                        false);
                assertThat(threads).containsExactly(Thread.currentThread());
            }
        }
    }

    @Test
    void helpersAreWokenForLittleThingsThatComeOneAfterTheOther() {
        try (var workers = new Workers(2)) {
            LockSupport.parkNanos(20_000_000);
            var threads = ConcurrentHashMap.<Thread>newKeySet();
            // Until a helper took part, however busy the machine is.
            while (threads.size() < 2) {
                workers.run(_ -> threads.add(Thread.currentThread()), 64, false);
            }
        }
    }

    @Test
    void eachThreadBeginsWithItsOwnPart() {
        try (var workers = new Workers(2)) {
            for (int run = 0; run < 100; run++) {
                var both = new CountDownLatch(2);
                var first = new ConcurrentHashMap<Thread, Integer>();
                workers.run(
                        span -> {
                            if (first.putIfAbsent(Thread.currentThread(), span) == null) {
                                both.countDown();
                                await(both);
                            }
                        },
                        10);
                assertThat(first.values()).containsExactlyInAnyOrder(0, 5);
                assertThat(first).containsEntry(Thread.currentThread(), 0);
            }
        }
    }

    @Test
    void whoIsThroughWithItsPartHelpsTheOthers() {
        try (var workers = new Workers(2)) {
            var caller = Thread.currentThread();
            var callers = new CountDownLatch(9);
            // The helper stays in the first span that it takes until all others have run.
            workers.run(
                    _ -> {
                        if (Thread.currentThread() == caller) {
                            callers.countDown();
                        } else {
                            await(callers);
                        }
                    },
                    10);
            assertThat(callers.getCount()).isZero();
        }
    }

    @Test
    void aRunEndsOnlyWhenAllItsSpansHave() {
        try (var workers = new Workers(3)) {
            for (int run = 0; run < 50; run++) {
                var ended = new AtomicInteger();
                workers.run(
                        span -> {
                            LockSupport.parkNanos(span * 50_000L);
                            ended.incrementAndGet();
                        },
                        6);
                assertThat(ended).hasValue(6);
            }
        }
    }

    @Test
    void severalCallersAtOnceEachGetAllTheirSpansRun() throws InterruptedException {
        try (var workers = new Workers(3)) {
            var failures = Collections.synchronizedList(new ArrayList<String>());
            var callers = new ArrayList<Thread>();
            for (int caller = 0; caller < 4; caller++) {
                callers.add(Thread.ofPlatform().start(() -> manyRuns(workers, failures)));
            }
            for (var caller : callers) {
                caller.join();
            }
            assertThat(failures).isEmpty();
        }
    }

    private static void manyRuns(Workers workers, List<String> failures) {
        for (int run = 0; run < 2_000; run++) {
            var times = new AtomicIntegerArray(9);
            workers.run(times::incrementAndGet, 9);
            if (!times.toString().equals("[1, 1, 1, 1, 1, 1, 1, 1, 1]")) {
                failures.add(times.toString());
            }
        }
    }

    @Test
    void aCallerThatFindsTheHelpersBusyDoesItAlone() {
        try (var workers = new Workers(2)) {
            var inner = ConcurrentHashMap.<Thread>newKeySet();
            workers.run(_ -> workers.run(_ -> inner.add(Thread.currentThread()), 4), 1);
            workers.run(_ -> nested(workers), 4);
        }
    }

    private static void nested(Workers workers) {
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        workers.run(_ -> threads.add(Thread.currentThread()), 4);
        assertThat(threads).containsExactly(Thread.currentThread());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void anExceptionOfAnySpanReachesTheCaller(int threads) {
        try (var workers = new Workers(threads)) {
            for (int bad = 0; bad < 8; bad++) {
                int chosen = bad;
                assertThatThrownBy(() -> workers.run(span -> failAt(chosen, span), 8))
                        .hasMessage("span " + chosen);
            }
        }
    }

    private static void failAt(int bad, int span) {
        LockSupport.parkNanos(20_000);
        if (span == bad) {
            throw new IllegalStateException("span " + span);
        }
    }

    /** The caller may free what the spans work on as soon as it has the exception. */
    @Test
    void anExceptionComesOnlyWhenNoSpanIsStillRunning() {
        try (var workers = new Workers(3)) {
            for (int run = 0; run < 100; run++) {
                var running = new AtomicInteger();
                assertThatThrownBy(
                                () ->
                                        workers.run(
                                                span -> {
                                                    running.incrementAndGet();
                                                    LockSupport.parkNanos(100_000);
                                                    running.decrementAndGet();
                                                    throw new IllegalStateException();
                                                },
                                                6))
                        .isInstanceOf(IllegalStateException.class);
                assertThat(running).hasValue(0);
            }
        }
    }

    @Test
    void helpersOutliveAnException() {
        try (var workers = new Workers(2)) {
            for (int run = 0; run < 20; run++) {
                assertThatThrownBy(
                                () ->
                                        workers.run(
                                                _ -> {
                                                    throw new IllegalStateException();
                                                },
                                                2))
                        .isInstanceOf(IllegalStateException.class);
                var both = new CountDownLatch(2);
                workers.run(
                        _ -> {
                            both.countDown();
                            await(both);
                        },
                        2);
            }
        }
    }

    @Test
    void closingEndsTheThreads() throws InterruptedException {
        var threads = ConcurrentHashMap.<Thread>newKeySet();
        try (var workers = new Workers(2)) {
            var both = new CountDownLatch(2);
            workers.run(
                    _ -> {
                        threads.add(Thread.currentThread());
                        both.countDown();
                        await(both);
                    },
                    2);
        }
        threads.remove(Thread.currentThread());
        assertThat(threads).hasSize(1);
        for (var thread : threads) {
            thread.join(10_000);
            assertThat(thread.isAlive()).isFalse();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
