package org.panoptim.kfac.engine;

import org.panoptim.matrix.Parallel;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.IntConsumer;

/** Runs the pieces on a thread of their own, and notes how many there were at each call. */
final class OtherThread implements Parallel {

    final List<Integer> counts = new ArrayList<>();

    @Override
    public void forEach(int count, IntConsumer body) {
        counts.add(count);
        try {
            CompletableFuture.runAsync(
                            () -> Parallel.SERIAL.forEach(count, body),
                            piece -> Thread.ofPlatform().start(piece))
                    .join();
        } catch (CompletionException e) {
            throw (RuntimeException) e.getCause();
        }
    }
}
