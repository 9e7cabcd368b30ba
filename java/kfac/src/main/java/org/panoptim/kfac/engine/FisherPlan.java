package org.panoptim.kfac.engine;

import java.util.List;
import java.util.Objects;

/**
 * What a {@link FisherEngine} is asked to keep.
 *
 * @param layers the layers, at least one
 * @param average how diagonals are averaged
 * @param decay γ of the averages, in [0, 1)
 */
public record FisherPlan(List<KroneckerLayer> layers, FisherAverage average, double decay) {

    /** Checks the components. */
    public FisherPlan {
        layers = List.copyOf(layers);
        Objects.requireNonNull(average, "average");
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("there must be at least one layer");
        }
        if (!(decay >= 0 && decay < 1)) {
            throw new IllegalArgumentException("decay must be in [0, 1), but is " + decay);
        }
    }
}
