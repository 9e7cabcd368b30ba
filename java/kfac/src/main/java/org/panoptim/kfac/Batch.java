package org.panoptim.kfac;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What the rows that a layer saw stand for: how the loss was reduced, which rows are padding, and
 * what the output gradients come multiplied by.
 *
 * <p>K-FAC needs the gradients of each row's loss. A mean loss has divided them by the number of
 * rows, so that the factor of output gradients would shrink with its square; the batch says what to
 * undo. Where a step's gradients come from several micro-batches whose losses are divided once more
 * by their number, say {@link #meanOver} of all rows.
 *
 * @param averagedOver what the loss was divided by; empty: the number of rows that count
 * @param mask a byte for each row: 0 leaves it out; empty: all rows count
 * @param lossScale what the output gradients come multiplied by; empty: the optimizer's loss scale,
 *     which there must be one for
 */
public record Batch(OptionalDouble averagedOver, Optional<Memory> mask, OptionalDouble lossScale) {

    /** Checks the components. */
    public Batch {
        Objects.requireNonNull(averagedOver, "averagedOver");
        Objects.requireNonNull(mask, "mask");
        Objects.requireNonNull(lossScale, "lossScale");
        averagedOver.ifPresent(value -> requirePositive("averagedOver", value));
        lossScale.ifPresent(value -> requirePositive("lossScale", value));
    }

    private static void requirePositive(String name, double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    name + " must be finite and above 0, but is " + value);
        }
    }

    /** The loss is the mean over the rows of this batch that count. */
    public static Batch mean() {
        return new Batch(OptionalDouble.empty(), Optional.empty(), OptionalDouble.empty());
    }

    /** The loss is a sum divided by so many. */
    public static Batch meanOver(double rows) {
        return new Batch(OptionalDouble.of(rows), Optional.empty(), OptionalDouble.empty());
    }

    /** The loss is the sum over the rows. */
    public static Batch sum() {
        return meanOver(1);
    }

    /**
     * Leaves rows out, as padding.
     *
     * @param value a byte for each row, 0 for those to leave out
     */
    public Batch withMask(Memory value) {
        return new Batch(averagedOver, Optional.of(value), lossScale);
    }

    /** As {@link #withMask(Memory)}, in host memory. */
    public Batch withMask(MemorySegment value) {
        return withMask(new HostMemory(value));
    }

    /** States what the output gradients come multiplied by, where the optimizer does not know. */
    public Batch withLossScale(double value) {
        return new Batch(averagedOver, mask, OptionalDouble.of(value));
    }
}
