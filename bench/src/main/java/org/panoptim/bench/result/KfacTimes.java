package org.panoptim.bench.result;

import java.util.Arrays;

/**
 * What a device takes for K-FAC's work on all layers of a model between refreshes.
 *
 * @param model the model
 * @param work the work
 * @param backend where
 * @param rows of a micro-batch, in every layer
 * @param seconds of the work, for each iteration
 * @param products of the same matrix products alone, in turn with it; none if it has none
 */
public record KfacTimes(
        String model, String work, String backend, int rows, double[] seconds, double[] products) {

    /** Whether there are products that it is compared with. */
    public boolean hasProducts() {
        return products.length > 0;
    }

    /** Which part of the work its products alone take. */
    public Spread share() {
        var shares = new double[seconds.length];
        Arrays.setAll(shares, i -> products[i] / seconds[i]);
        return Spread.of(shares);
    }
}
