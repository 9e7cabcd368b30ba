package org.panoptim.kfac.engine;

import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepFacts;

import java.util.List;

/**
 * Averages of a model's Kronecker factors on a backend. One thread at a time calls it.
 *
 * <p>Work on a device is queued on the backend's stream; only what says so waits.
 */
public interface FactorEngine extends AutoCloseable {

    /**
     * Adds a micro-batch to the factors of a layer that the coming step may take up. All
     * micro-batches of a step count by their rows. If it fails once the contribution was checked,
     * nothing of it is left, and the layer's others since the last commit may be dropped with it.
     *
     * @param contribution of this backend's memory and checked sizes, with a loss scale unless the
     *     engine was {@linkplain #attach attached} to a device's step
     */
    void accumulate(int layer, Contribution contribution);

    /**
     * Whether its work is queued behind an execution's steps, so that {@link #commit} takes a
     * {@link DeviceStep}; else it takes a {@link org.panoptim.spi.StepContext}.
     */
    default boolean queuesOn(Execution execution) {
        return false;
    }

    /** Tells a device's engine where the step's control lies; engines on the host need nothing. */
    default void attach(DeviceStep step) {}

    /**
     * Lets the members of a team share the work, from the first contribution on: each keeps the
     * factors of the layers alone whose parameters it owns.
     *
     * @param shares of a team in which each layer has one owner, or of none
     * @throws IllegalStateException if contributions wait for a step, or factors were shared out
     *     otherwise before
     */
    default void share(Shares shares) {
        if (shares.team().isPresent()) {
            throw new IllegalStateException("no team can share these factors");
        }
    }

    /** Whether a team has shared the factors out, so that others contribute to them, too. */
    default boolean isShared() {
        return false;
    }

    /** Whether this member keeps a layer's factors. */
    default boolean owns(int layer) {
        return true;
    }

    /**
     * Ends a micro-batch of a team.
     *
     * @param due the layers of which the coming step takes up contributions, the same on all
     *     members
     * @param leaves this member's micro-batches of a step
     */
    default void endLeaf(List<Integer> due, int leaves) {}

    /**
     * As {@link #endLeaf}, before a step of which this member had one alone and has not ended it.
     */
    default void endOnlyLeaf(List<Integer> due) {}

    /**
     * A pass has used up the gradients of the micro-batches of a team, so that others come before
     * the step. What was contributed with them waits for it, and no more is taken; if that was
     * nothing, contributions come with the others.
     */
    default void gradientsUsed(List<Integer> due) {}

    /**
     * Takes up what was accumulated since the last call, if the step was accepted, layer by layer:
     * a layer whose contribution holds anything that is not finite drops it and counts that.
     */
    void commit(StepFacts step);

    /** Drops what was accumulated since the last commit. */
    void discard();

    /** Lets {@link #undo} go back to here; a {@link #commit} begins too. */
    void begin();

    /**
     * Undoes what was done since {@link #begin}: the commit, and what was made of inverses. What
     * was committed waits for a commit again.
     *
     * @throws IllegalStateException if that cannot be done any more, since something was
     *     overwritten on the device; factors and inverses are then of no use
     */
    void undo();

    /** How many updates each layer has taken; waits. */
    long[] updates();

    /** Sets how many updates a layer has taken and dropped. */
    void restore(int layer, long updates, long refused);

    /**
     * The step, from 1, at which each layer took its last update, as the device counts whose step
     * this is {@linkplain #attach attached} to; of no meaning for a layer that took none of its
     * steps' updates. Waits.
     *
     * @throws IllegalStateException if it is attached to none; engines on the host never are
     */
    default long[] updatedAt() {
        throw new IllegalStateException("no device decides on the steps");
    }

    /**
     * What a device has decided so far.
     *
     * @param steps the steps that its optimizer has taken
     * @param accepted whether the last attempt was one
     */
    record Decided(long steps, boolean accepted) {}

    /**
     * What the device has decided whose step this is {@linkplain #attach attached} to; waits.
     *
     * @throws IllegalStateException if it is attached to none; engines on the host never are
     */
    default Decided decided() {
        throw new IllegalStateException("no device decides on the steps");
    }

    /** Frees everything; waits for running work; closing twice is harmless. */
    @Override
    void close();
}
