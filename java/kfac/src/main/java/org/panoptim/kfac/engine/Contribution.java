package org.panoptim.kfac.engine;

import org.panoptim.memory.Memory;

import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A micro-batch's share in the factors of one layer.
 *
 * @param inputs rows × inputs of the layer, float32
 * @param outputGradients rows × outputs of the layer, float32, multiplied by the loss scale
 * @param mask a byte for each row: 0 leaves the row out, as padding; none: all rows count
 * @param rows the number of rows
 * @param averagedOver how many rows the loss was averaged over, which undoes the mean; empty: the
 *     rows of this contribution that count; 1: the loss was a sum
 * @param lossScale what the output gradients come multiplied by; empty: the optimizer's
 */
public record Contribution(
        Memory inputs,
        Memory outputGradients,
        Optional<Memory> mask,
        long rows,
        OptionalDouble averagedOver,
        OptionalDouble lossScale) {

    /** Checks the components. */
    public Contribution {
        Objects.requireNonNull(inputs, "inputs");
        Objects.requireNonNull(outputGradients, "outputGradients");
        Objects.requireNonNull(mask, "mask");
        Objects.requireNonNull(averagedOver, "averagedOver");
        Objects.requireNonNull(lossScale, "lossScale");
        if (rows < 1) {
            throw new IllegalArgumentException("rows must be at least 1, but is " + rows);
        }
    }
}
