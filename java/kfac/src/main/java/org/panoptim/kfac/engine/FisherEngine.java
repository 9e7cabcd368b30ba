package org.panoptim.kfac.engine;

import org.panoptim.memory.Memory;
import org.panoptim.tensor.StateTensor;

import java.util.List;

/**
 * AdaFisher's Fisher information: of each factor only the diagonal.
 *
 * <p>A {@link #commit} that takes an update up computes for each layer {@code ĥ = (d − min d) /
 * (max d − min d + 1e-6)} of each diagonal d, folds it into the average, and writes {@code s hᵀ} (s
 * of the output gradients, h of the inputs), multiplied by the loss scale as all curvature is, into
 * the layer's {@linkplain #weight curvature}.
 */
public interface FisherEngine extends FactorEngine {

    /**
     * Takes up what the members of a team have contributed to the coming step, so that it waits for
     * a {@link #commit} on all, with the same bits.
     *
     * @param due the layers of which the step takes up contributions, the same on all members
     * @param leaves this member's micro-batches of a step
     * @return the layers that have a contribution, of no rows perhaps
     * @throws IllegalStateException if this member had contributions after its last micro-batch has
     *     ended
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    default List<Integer> gather(List<Integer> due, int leaves) {
        throw new IllegalStateException("no team shares these diagonals");
    }

    /**
     * Where a layer's {@code s hᵀ} is written: a curvature for the parameter in the rule {@code
     * ada-fisher}. In a team only the elements that this member owns are sure to be, and the others
     * have no meaning. The engine's own; all ones before the first update.
     */
    Memory weight(int layer);

    /**
     * The same for the layer's bias, whose input is 1.
     *
     * @throws IllegalArgumentException if the layer has none
     */
    Memory bias(int layer);

    /** How many updates each layer has taken and dropped; waits. */
    List<FactorState> factors();

    /** A factor's averaged diagonal, to be read and set as a checkpoint does. */
    StateTensor average(int factor);
}
