package org.panoptim.spi;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;

import java.util.List;
import java.util.function.Function;

/**
 * What is added up and moved between the members of a team: gradients and curvature before a step,
 * and values after it. An {@link Execution} whose memory the host cannot reach does so itself, with
 * the bits that members get which do it over host memory.
 *
 * <p>All members call {@link #bringMeans}, {@link #await} and {@link #bringValues} in the same
 * order.
 *
 * @see Execution#shareTransfer
 */
public interface ShareTransfer {

    /**
     * Allocates memory where the parameters lie, which is freed with this.
     *
     * @param bytes of each piece, 0 or more
     */
    List<Memory> allocate(List<Long> bytes);

    /**
     * Adds up arrays of one member, in float32. On a device it is queued behind what is on the
     * stream.
     *
     * @param parameters whose arrays they are
     * @param addends one or two; one is taken as it is
     * @param to where the sum is put; it may be an addend
     * @param zeroLast whether zeros are left in the last addend, also where the sum is put there
     */
    void sum(
            List<Parameter> parameters,
            List<Function<Parameter, SharedArray>> addends,
            Function<Parameter, SharedArray> to,
            boolean zeroLast);

    /**
     * Leaves zeros in arrays of one member. On a device it is queued behind what is on the stream.
     *
     * @param parameters whose arrays they are
     */
    default void zero(List<Parameter> parameters, Function<Parameter, SharedArray> array) {
        sum(parameters, List.of(array), array, true);
    }

    /**
     * Brings arrays of all members to the owners of their elements, who add them up by adjacent
     * pairs, in float32. The owner's part of an array has the mean afterwards; the other parts are
     * as they were. On a device it is there after {@link #await} alone.
     *
     * @param parameters whose arrays they are, the same on all members
     * @param from what this member has of a parameter: one leaf, or the sum of its leaves
     * @param to where the owner has the mean; it may be the same array
     * @param leaves of all members: what the sum is divided by
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    void bringMeans(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, SharedArray> from,
            Function<Parameter, SharedArray> to,
            int leaves);

    /**
     * Waits until the means are here.
     *
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    void await();

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
