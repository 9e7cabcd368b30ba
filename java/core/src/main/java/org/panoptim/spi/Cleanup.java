package org.panoptim.spi;

import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What there is to free: the last first, and all of it even if some fails. Filled while something
 * is built, it frees what there is if building fails; kept, it frees everything at the end.
 */
public final class Cleanup {

    private final Deque<Runnable> actions = new ArrayDeque<>();

    /** An empty list. */
    public Cleanup() {}

    /** Adds what is to be done before all that was added earlier. */
    public void add(Runnable action) {
        actions.push(action);
    }

    /** Adds closing a resource, and returns the resource. */
    public <T extends AutoCloseable> T keep(T resource) {
        actions.push(() -> close(resource));
        return resource;
    }

    private static void close(AutoCloseable resource) {
        try {
            resource.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Does everything, once. The first failure is thrown when all is done, with the others
     * suppressed in it.
     */
    public void run() {
        var failure = runAll(null);
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    /** Does everything, once, since something failed; failures are suppressed in that. */
    public void runAfter(Throwable reason) {
        runAll(reason);
    }

    private @Nullable Throwable runAll(@Nullable Throwable first) {
        var failure = first;
        while (!actions.isEmpty()) {
            try {
                actions.pop().run();
            } catch (RuntimeException | Error e) {
                if (failure == null) {
                    failure = e;
                } else if (failure != e) {
                    failure.addSuppressed(e);
                }
            }
        }
        return failure;
    }

    /** Frees something since something else failed; a failure is suppressed in that. */
    public static void after(Throwable reason, Runnable action) {
        var cleanup = new Cleanup();
        cleanup.add(action);
        cleanup.runAfter(reason);
    }

    /** Frees several things in this order, all of them even if some fails. */
    public static void all(Runnable... actions) {
        var cleanup = new Cleanup();
        for (int i = actions.length - 1; i >= 0; i--) {
            cleanup.add(actions[i]);
        }
        cleanup.run();
    }
}
