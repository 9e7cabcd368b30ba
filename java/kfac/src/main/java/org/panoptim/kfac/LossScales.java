package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.spi.Execution;

import java.util.OptionalDouble;

/** Finds the loss scale of output gradients where the caller did not state it. */
final class LossScales {

    private LossScales() {}

    /** The contribution with its loss scale, unless a device knows it. */
    static Contribution known(Contribution contribution, @Nullable Execution execution) {
        if (contribution.lossScale().isPresent()) {
            return contribution;
        }
        if (execution != null && execution.deviceStep().isPresent()) {
            return contribution;
        }
        double scale = execution == null ? 1 : execution.outcome().counters().lossScale();
        return new Contribution(
                contribution.inputs(),
                contribution.outputGradients(),
                contribution.mask(),
                contribution.rows(),
                contribution.averagedOver(),
                OptionalDouble.of(scale));
    }
}
