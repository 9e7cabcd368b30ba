package org.panoptim.schedule;

import java.util.List;

/** Schedules one after the other; see {@link Schedule#sequential}. */
final class Sequential extends Composition {

    private final long[] milestones;

    Sequential(List<? extends Schedule> schedules, long[] milestones) {
        super("sequential", schedules);
        Schedules.requireMilestones("sequential", milestones);
        Schedules.require(
                milestones.length == schedules.size() - 1,
                "sequential: milestones must be one fewer than the %d schedules, but are %d"
                        .formatted(schedules.size(), milestones.length));
        this.milestones = milestones;
    }

    @Override
    public double factor(long step) {
        int part = partOf(step);
        return parts().get(part).factor(stepOf(part, step));
    }

    @Override
    public double momentum(long step) {
        int part = partOf(step);
        return parts().get(part).momentum(stepOf(part, step));
    }

    private int partOf(long step) {
        Schedules.requireStep(step);
        return Schedules.passed(milestones, step - 1);
    }

    /** A step as the part counts it. */
    private long stepOf(int part, long step) {
        return part == 0 ? step : step - milestones[part - 1];
    }
}
