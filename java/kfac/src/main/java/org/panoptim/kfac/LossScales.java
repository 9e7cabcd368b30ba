package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.spi.Execution;

import java.util.OptionalDouble;

/** Finds the loss scale of output gradients where the caller did not state it. */
final class LossScales {

    private LossScales() {}

    /**
     * The contribution with its loss scale, unless a device knows it.
     *
     * @param execution the optimizer's, if there is one
     * @throws IllegalStateException if nobody knows it
     */
    static Contribution known(
            String layer, Contribution contribution, @Nullable Execution execution) {
        if (contribution.lossScale().isPresent()) {
            return contribution;
        }
        if (execution == null) {
            throw new IllegalStateException(
                    "layer '%s': its output gradients come without a loss scale, and there is no optimizer yet to ask for it; build that first, or state it with Batch.withLossScale"
                            .formatted(layer));
        }
        if (execution.deviceStep().isPresent()) {
            return contribution;
        }
        double scale = execution.outcome().counters().lossScale();
        return new Contribution(
                contribution.inputs(),
                contribution.outputGradients(),
                contribution.mask(),
                contribution.rows(),
                contribution.averagedOver(),
                OptionalDouble.of(scale));
    }
}
