package org.panoptim.spi.kronecker;

import org.panoptim.Backend;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.StepFacts;

/**
 * Averages of a model's Kronecker factors on a backend. One thread at a time calls it.
 *
 * <p>Work on a device is queued on the backend's stream; only what says so waits.
 */
public interface FactorEngine extends AutoCloseable {

    /**
     * Adds a micro-batch to the factors of a layer that the coming step may take up. All
     * micro-batches of a step count by their rows.
     *
     * @param contribution of this backend's memory and checked sizes, with a loss scale unless the
     *     engine was {@linkplain #attach attached} to a device's step
     */
    void accumulate(int layer, Contribution contribution);

    /**
     * Whether its work is queued behind that of a backend's steps, so that {@link #commit} takes a
     * {@link DeviceStep}; else it takes a {@link org.panoptim.spi.StepContext}.
     */
    default boolean queuesOn(Backend backend) {
        return false;
    }

    /** Tells a device's engine where the step's control lies; engines on the host need nothing. */
    default void attach(DeviceStep step) {}

    /**
     * Takes up what was accumulated since the last call, if the step was accepted, layer by layer:
     * a layer whose contribution holds anything that is not finite drops it and counts that.
     */
    void commit(StepFacts step);

    /** Drops what was accumulated since the last commit. */
    void discard();

    /** Frees everything; waits for running work; closing twice is harmless. */
    @Override
    void close();
}
