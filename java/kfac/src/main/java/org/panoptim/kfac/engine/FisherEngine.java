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
     * Where a layer's {@code s hᵀ} is written: a curvature for the parameter in the rule {@code
     * ada-fisher}. The engine's own; all ones before the first update.
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
