package org.panoptim.monitor;

import java.io.IOException;

/**
 * Takes down what was observed while training goes on; {@link Monitors} has those that write files.
 * Whoever opens one closes it. Not safe for use by several threads at once.
 */
public interface Monitor extends AutoCloseable {

    /**
     * Takes down an observation. What goes to a file is with the system when this returns, also in
     * a thread that is interrupted, which stays so.
     *
     * @throws IllegalStateException if it is closed
     * @throws IOException if writing fails, with the file's name; what was written of the
     *     observation is taken back, and the next one can be tried
     */
    void write(Observation observation) throws IOException;

    /** Ends it; closing twice is harmless. */
    @Override
    void close() throws IOException;
}
