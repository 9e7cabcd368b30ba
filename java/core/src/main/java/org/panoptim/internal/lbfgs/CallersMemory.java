package org.panoptim.internal.lbfgs;

import org.panoptim.spi.ArenaSet;

/** The memory of the caller's parameters and gradients, which may be closed or moved meanwhile. */
public interface CallersMemory {

    /**
     * Checks before gradients are taken that values and gradients may be used, and lets parameters
     * follow their framework.
     *
     * @throws IllegalStateException if an arena is closed or another thread's, or the framework has
     *     moved a parameter
     */
    void check();

    /**
     * The same before values are moved: gradients are not read then, and their arenas may be
     * closed.
     */
    void checkValues();

    /** The arenas of values and gradients that the last check found; the same object each time. */
    ArenaSet arenas();

    /** The arenas of values and their copies, which stay the same. */
    ArenaSet valueArenas();

    /** Says that a pass has written the parameters. */
    void written();
}
