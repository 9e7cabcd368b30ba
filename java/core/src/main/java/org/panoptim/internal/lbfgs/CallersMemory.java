package org.panoptim.internal.lbfgs;

import org.panoptim.spi.ArenaSet;

/** The memory of the caller's parameters and gradients, which may be closed or moved meanwhile. */
public interface CallersMemory {

    /**
     * Checks before a pass that it may be used, and lets parameters follow their framework.
     *
     * @throws IllegalStateException if an arena is closed or another thread's, or the framework has
     *     moved a parameter
     */
    void check();

    /** The arenas that the last check found; the same object each time. */
    ArenaSet arenas();

    /** Says that a pass has written the parameters. */
    void written();
}
