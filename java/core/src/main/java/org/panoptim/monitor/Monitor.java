package org.panoptim.monitor;

import java.io.IOException;

/**
 * Takes down what was observed while training goes on; {@link Monitors} has those that write files,
 * and {@code panoptim-micrometer} one that keeps meters. Whoever opens one closes it. Not safe for
 * use by several threads at once.
 *
 * <p>It is there to be implemented, too: of one that shows losses in a window this is all.
 *
 * <pre>{@code
 * record LossWindow(Chart chart) implements Monitor {
 *     public void write(Observation observation) {
 *         observation.values()
 *                 .getOrDefault("loss", OptionalDouble.empty())
 *                 .ifPresent(loss -> chart.add(observation.step(), loss));
 *     }
 *
 *     public void close() {
 *         chart.dispose();
 *     }
 * }
 * }</pre>
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
