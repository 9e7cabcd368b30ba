package org.panoptim.spi;

import org.panoptim.matrix.MatrixBatch;

import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * The matrices of a {@link org.panoptim.rule.MatrixWork} by their places. One place has one handle,
 * by which an engine knows a target that is its own factor.
 */
public final class PlacedBatches {

    private final IntFunction<MatrixBatch> make;
    private final Map<Integer, MatrixBatch> made = new HashMap<>();

    /** Batches that are made when they are first asked for. */
    public PlacedBatches(IntFunction<MatrixBatch> make) {
        this.make = make;
    }

    /** Those of a place. */
    public MatrixBatch at(int place) {
        var known = made.get(place);
        if (known == null) {
            known = make.apply(place);
            made.put(place, known);
        }
        return known;
    }
}
