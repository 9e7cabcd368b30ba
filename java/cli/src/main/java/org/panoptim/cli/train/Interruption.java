package org.panoptim.cli.train;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets the user's Ctrl-C (or a request to end the process) finish the work at hand: while this is
 * open, the process waits for {@link #close} before it ends.
 */
public final class Interruption implements AutoCloseable {

    /** How long the work at hand may take before the process ends without it. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final CountDownLatch done = new CountDownLatch(1);
    private final Thread hook = new Thread(this::await, "panoptim-interruption");
    private volatile boolean requested;

    private Interruption() {}

    /** Begins to watch. */
    public static Interruption watch() {
        var interruption = new Interruption();
        Runtime.getRuntime().addShutdownHook(interruption.hook);
        return interruption;
    }

    private void await() {
        requested = true;
        try {
            if (!done.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                System.err.println("panoptim: ended without waiting any longer");
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the process was asked to end. */
    public boolean isRequested() {
        return requested;
    }

    /** Says that the work is done: the process may end. */
    @Override
    public void close() {
        done.countDown();
        if (!requested) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException _) {
                // It was asked to end just now, and need not wait any more.
            }
        }
    }
}
