package org.panoptim.kfac.engine;

import org.panoptim.matrix.Floats;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.Parallel;

import java.lang.foreign.Arena;

/** Adds rows in host memory to the present leaf of a member of a team. */
record HostLeaf(KroneckerPlan plan, HostAlgebra algebra, SharedFactors shared) {

    /**
     * Adds rows of a layer.
     *
     * @param scale what output gradients are multiplied by
     */
    void add(int layer, HostRows rows, double scale, Parallel parallel) {
        shared.open(layer);
        var traces = new double[2];
        try {
            parallel.forEach(2, side -> traces[side] = add(layer, side, rows, scale));
        } catch (RuntimeException | Error e) {
            // Perhaps one factor has it and the other not.
            shared.drop(layer);
            throw e;
        }
        shared.note(layer, rows.count(), traces[0], traces[1]);
    }

    /** Adds to a factor; what comes to the trace of its sum. */
    private double add(int layer, int side, HostRows rows, double scale) {
        var described = plan.layers().get(layer);
        var sum = shared.sum(2 * layer + side);
        int columns = side == 0 ? described.inputs() : described.outputs();
        boolean ones = side == 0 && described.bias().isPresent();
        double factor = side == 0 ? 1 : scale;
        var found = side == 0 ? rows.inputs() : rows.outputGradients();
        if (factor <= HostKronecker.LARGE_SCALE && factor >= 1 / HostKronecker.LARGE_SCALE) {
            algebra.addRows(factor * factor, found, rows.count(), columns, ones, sum);
        } else {
            try (var scratch = Arena.ofShared()) {
                var scaled = Floats.scaled(found, factor, scratch);
                algebra.addRows(1, scaled, rows.count(), columns, ones, sum);
            }
        }
        return Floats.sumOfSquares(found, factor);
    }
}
