package org.panoptim.spi;

import java.util.ArrayList;
import java.util.Collections;
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

    /** The same with more parameters at the end, of which nothing is known yet. */
    public StepSums extendedTo(int number) {
        if (gradientScale == 0) {
            return this;
        }
        var all = new ArrayList<>(parameters);
        all.addAll(Collections.nCopies(number - parameters.size(), TensorSums.NONE));
        return new StepSums(gradientScale, all);
    }

    /** Nothing is known. */
    public static StepSums none() {
        return new StepSums(0, List.of());
    }
}
