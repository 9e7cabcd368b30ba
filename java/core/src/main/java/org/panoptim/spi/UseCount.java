package org.panoptim.spi;

import java.util.function.Supplier;

/**
 * Keeps a backend from being closed under an optimizer, and from being used after it was closed.
 */
public final class UseCount {

    private final String backend;
    private int open;
    private boolean closed;

    /** A count of the uses of this backend. */
    public UseCount(String backend) {
        this.backend = backend;
    }

    /**
     * Counts a use that {@code opener} begins, unless it throws.
     *
     * @throws IllegalStateException if the backend is closed
     */
    public synchronized <T> T open(Supplier<T> opener) {
        if (closed) {
            throw new IllegalStateException("backend " + backend + " is closed");
        }
        T opened = opener.get();
        open++;
        return opened;
    }

    /** Ends a use. */
    public synchronized void release() {
        open--;
    }

    /**
     * Ends all use.
     *
     * @return whether it was open before, so that resources are freed once
     * @throws IllegalStateException if it is still used
     */
    public synchronized boolean close() {
        if (open > 0) {
            throw new IllegalStateException(
                    "backend "
                            + backend
                            + " is still used by "
                            + open
                            + " optimizer(s), buffer(s) or engine(s); close them first");
        }
        boolean first = !closed;
        closed = true;
        return first;
    }
}
