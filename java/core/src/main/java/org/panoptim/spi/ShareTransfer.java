package org.panoptim.spi;

import org.panoptim.parameter.Parameter;

import java.util.List;

/**
 * What is moved between the members of a team: gradients before a step, and values after it. An
 * {@link Execution} whose memory the host cannot reach moves them itself, with the bits that
 * members get which move them over host memory.
 *
 * <p>All members call the same methods in the same order.
 *
 * @see Execution#shareTransfer
 */
public interface ShareTransfer {

    /** How many leaves were added since the last {@link #bringMeans}. */
    int leaves();

    /** The parameters that had a gradient in the first of them. */
    List<Parameter> parametersOfLeaves();

    /**
     * Takes up a leaf, a micro-batch's gradients, and leaves zeros in their place.
     *
     * @param parameters those that have a gradient; the same in every leaf of a step
     */
    void addLeaf(List<Parameter> parameters);

    /** Drops the leaves that were added since the last {@link #bringMeans}. */
    void discardLeaves();

    /**
     * Brings gradients, or the sums of leaves where some were added, to their owners, who add them
     * up by adjacent pairs. The owner's part of a gradient has the mean afterwards; the other parts
     * are as they were. What the members of the team have is here when this returns.
     *
     * @param plan the present one
     * @param parameters those that have a gradient, the same on all members
     * @param leaves of all members: what the sum is divided by
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    void bringMeans(StepPlan plan, List<Parameter> parameters, int leaves);

    /**
     * Brings values, copies and averages, as their owners have them behind the work that is queued,
     * to everybody.
     *
     * @param plan the present one
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    void bringValues(StepPlan plan);
}
