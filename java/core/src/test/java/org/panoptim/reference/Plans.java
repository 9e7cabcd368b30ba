package org.panoptim.reference;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.List;
import java.util.Optional;

/** Plans that ask for nothing but the step. */
final class Plans {

    private Plans() {}

    static StepPlan of(ParameterGroup... groups) {
        return new StepPlan(
                List.of(groups),
                Schedule.constant(),
                LossScale.none(),
                NonFinitePolicy.PROPAGATE,
                Clipping.none(),
                false,
                0,
                Optional.empty(),
                Optional.empty());
    }
}
