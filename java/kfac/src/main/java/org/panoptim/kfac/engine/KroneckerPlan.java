package org.panoptim.kfac.engine;

import java.util.List;

/**
 * What a {@link KroneckerEngine} is asked to keep.
 *
 * @param layers the layers, at least one
 * @param decay β of the factors' averages, for one update, in [0, 1): the t-th update of a layer
 *     gives {@code F ← (1 − η) F + η F'} with {@code η = (1 − β) / (1 − βᵗ)}, which is the
 *     exponential moving average without its bias to zero
 */
public record KroneckerPlan(List<KroneckerLayer> layers, double decay) {

    /** Checks the components. */
    public KroneckerPlan {
        layers = List.copyOf(layers);
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("there must be at least one layer");
        }
        if (!(decay >= 0 && decay < 1)) {
            throw new IllegalArgumentException("decay must be in [0, 1), but is " + decay);
        }
    }

    /** The number of factors. */
    public int factors() {
        return 2 * layers.size();
    }

    /** The layer that a factor belongs to. */
    public KroneckerLayer layerOf(int factor) {
        return layers.get(factor / 2);
    }

    /** The size of a factor, which is a square matrix. */
    public int size(int factor) {
        return layerOf(factor).factorSize(factor % 2);
    }
}
