package org.panoptim.reference;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.StepPlan;

import java.util.List;

/** Plans that ask for nothing but the step. */
final class Plans {

    private Plans() {}

    static StepPlan of(ParameterGroup... groups) {
        return StepPlan.of(List.of(groups));
    }
}
