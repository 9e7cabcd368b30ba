package org.panoptim.schedule;

import java.util.function.LongToDoubleFunction;

/**
 * A schedule that sets the momentum alone.
 *
 * @param momentums the momentum of each step, from 1
 */
public record MomentumSchedule(LongToDoubleFunction momentums) implements Schedule {

    @Override
    public double factor(long step) {
        return 1;
    }

    @Override
    public double momentum(long step) {
        return momentums.applyAsDouble(step);
    }
}
