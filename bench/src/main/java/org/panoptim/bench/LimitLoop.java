package org.panoptim.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The machine's limit: the plain C loop over a model's tensors, on all cores that have enough to
 * do, each with an equal and contiguous share of the elements.
 */
final class LimitLoop implements AutoCloseable {

    /** Consecutive elements of one tensor. */
    private record Piece(
            MemorySegment value,
            MemorySegment gradient,
            MemorySegment mean,
            MemorySegment square,
            long elements) {

        void run() {
            LimitLibrary.adamw(value, gradient, mean, square, elements);
        }
    }

    /** To wake a thread for fewer elements takes longer than to do without it. */
    private static final long LEAST_SHARE = 1 << 17;

    private final ExecutorService pool;
    private final List<List<Piece>> shares;

    LimitLoop(HostModel model, int mostThreads) {
        var means = model.zeros();
        var squares = model.zeros();
        long all = model.values().stream().mapToLong(MemorySegment::byteSize).sum() / Float.BYTES;
        int threads = Math.clamp(all / LEAST_SHARE, 1, mostThreads);
        shares = new ArrayList<>();
        for (int thread = 0; thread < threads; thread++) {
            long from = all * thread / threads;
            long to = all * (thread + 1) / threads;
            var share = new ArrayList<Piece>();
            long offset = 0;
            for (int i = 0; i < means.size(); i++) {
                long size = means.get(i).byteSize() / Float.BYTES;
                long begin = Math.max(from - offset, 0);
                long end = Math.min(to - offset, size);
                if (begin < end) {
                    share.add(
                            new Piece(
                                    slice(model.values().get(i), begin, end),
                                    slice(model.gradients().get(i), begin, end),
                                    slice(means.get(i), begin, end),
                                    slice(squares.get(i), begin, end),
                                    end - begin));
                }
                offset += size;
            }
            shares.add(share);
        }
        pool = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().factory());
    }

    private static MemorySegment slice(MemorySegment segment, long begin, long end) {
        return segment.asSlice(begin * Float.BYTES, (end - begin) * Float.BYTES);
    }

    /** Runs the loop once over all tensors. */
    void run() {
        var running = new ArrayList<Future<?>>();
        for (var share : shares.subList(1, shares.size())) {
            running.add(pool.submit(() -> share.forEach(Piece::run)));
        }
        shares.getFirst().forEach(Piece::run);
        for (var future : running) {
            try {
                future.get();
            } catch (ExecutionException e) {
                throw new IllegalStateException("the limit's loop failed", e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted in the limit's loop", e);
            }
        }
    }

    @Override
    public void close() {
        pool.shutdown();
    }
}
