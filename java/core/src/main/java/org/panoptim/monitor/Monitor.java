package org.panoptim.monitor;

import java.io.IOException;

/**
 * Takes down what was observed while training goes on; {@link Monitors} has those that write files.
 * Whoever opens one closes it. Not safe for use by several threads at once.
 */
public interface Monitor extends AutoCloseable {

    /**
     * Takes down an observation. What goes to a file is with the system when this returns.
     *
     * @throws IllegalArgumentException if it takes no observation like this one, with the reason;
     *     nothing is written
     * @throws IllegalStateException if it is closed
     * @throws IOException if writing fails; what was written of the observation is taken back, and
     *     the next one can be tried
     */
    void write(Observation observation) throws IOException;

    /** Ends it; closing twice is harmless. */
    @Override
    void close() throws IOException;
}
