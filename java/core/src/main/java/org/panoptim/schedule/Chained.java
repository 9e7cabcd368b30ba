package org.panoptim.schedule;

import java.util.ArrayList;
import java.util.List;

/** Schedules at the same time; see {@link Schedule#chained}. */
final class Chained extends Composition {

    private Chained(List<? extends Schedule> schedules) {
        super("chained", schedules);
    }

    /** Multiplies step by step, as PyTorch does, where all schedules do so. */
    static Schedule of(List<? extends Schedule> schedules) {
        var recursive = new ArrayList<RecursiveSchedule>();
        for (var schedule : schedules) {
            if (schedule instanceof RecursiveSchedule one) {
                recursive.add(one);
            }
        }
        return !schedules.isEmpty() && recursive.size() == schedules.size()
                ? RecursiveSchedule.chained(List.copyOf(recursive))
                : new Chained(schedules);
    }

    /** The product of the schedules' factors, from left to right. */
    static double product(List<? extends Schedule> schedules, long step) {
        double factor = 1;
        for (var schedule : schedules) {
            factor *= schedule.factor(step);
        }
        return factor;
    }

    @Override
    public double factor(long step) {
        Schedules.requireStep(step);
        return product(parts(), step);
    }

    @Override
    public double momentum(long step) {
        Schedules.requireStep(step);
        double momentum = Double.NaN;
        for (var schedule : parts()) {
            double latest = schedule.momentum(step);
            momentum = Double.isNaN(latest) ? momentum : latest;
        }
        return momentum;
    }
}
