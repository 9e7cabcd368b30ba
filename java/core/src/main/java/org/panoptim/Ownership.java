package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.spi.PartialChangeException;

import java.util.concurrent.atomic.AtomicReference;

/**
 * Lets one thread at a time into an optimizer, and tells the second one which the first is; lets
 * nobody into one that is closed or lost.
 */
final class Ownership {

    private final AtomicReference<@Nullable Thread> owner = new AtomicReference<>();
    private volatile boolean closed;
    private volatile @Nullable PartialChangeException failure;

    /** Enters, or throws; allocates nothing. Pair it with {@link #exit} in a finally block. */
    void enter() {
        enterToClose();
        var lost = failure;
        if (lost != null) {
            owner.set(null);
            throw unusable(lost);
        }
        if (closed) {
            owner.set(null);
            throw new IllegalStateException("the optimizer is closed");
        }
    }

    /** Enters, even if the optimizer is lost or closed. */
    void enterToClose() {
        var current = Thread.currentThread();
        var other = owner.compareAndExchange(null, current);
        if (other == current) {
            throw new IllegalStateException(
                    "the optimizer was called from within one of its own calls, in thread "
                            + current.getName());
        }
        if (other != null) {
            throw new IllegalStateException(
                    "the optimizer belongs to one thread at a time, but thread "
                            + current.getName()
                            + " called it while thread "
                            + other.getName()
                            + " was using it");
        }
    }

    void exit() {
        owner.set(null);
    }

    /** Within enter and exit: nobody enters again but to close. The exception for the caller. */
    UnusableOptimizerException fail(PartialChangeException e) {
        failure = e;
        return unusable(e);
    }

    private static UnusableOptimizerException unusable(PartialChangeException e) {
        return new UnusableOptimizerException(String.valueOf(e.getMessage()), e.reason());
    }

    /** Within enter and exit: nobody enters again. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }
}
