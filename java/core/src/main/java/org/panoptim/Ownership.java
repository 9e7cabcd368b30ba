package org.panoptim;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.atomic.AtomicReference;

/** Lets one thread at a time into an object, and tells the second one which the first is. */
final class Ownership {

    private final String what;
    private final AtomicReference<@Nullable Thread> owner = new AtomicReference<>();
    private volatile boolean closed;

    Ownership(String what) {
        this.what = what;
    }

    /** Enters, or throws; allocates nothing. Pair it with {@link #exit} in a finally block. */
    void enter() {
        var current = Thread.currentThread();
        var other = owner.compareAndExchange(null, current);
        if (other == current) {
            throw new IllegalStateException(
                    what
                            + " was called from within one of its own calls, in thread "
                            + current.getName());
        }
        if (other != null) {
            throw new IllegalStateException(
                    what
                            + " belongs to one thread at a time, but thread "
                            + current.getName()
                            + " called it while thread "
                            + other.getName()
                            + " was using it");
        }
        if (closed) {
            owner.set(null);
            throw new IllegalStateException(what + " is closed");
        }
    }

    void exit() {
        owner.set(null);
    }

    /** Within enter and exit: nobody enters again. */
    void close() {
        closed = true;
    }

    boolean isClosed() {
        return closed;
    }
}
