package org.panoptim.spi;

import java.util.List;

/**
 * What the statistics of the last step have found.
 *
 * @param gradientScale unscales gradients
 * @param parameters in the plan's order; empty if nothing asked for statistics, or before the first
 *     step
 */
public record StepSums(double gradientScale, List<TensorSums> parameters) {

    /** Copies the list. */
    public StepSums {
        parameters = List.copyOf(parameters);
    }

    /** Nothing is known. */
    public static StepSums none() {
        return new StepSums(0, List.of());
    }
}
