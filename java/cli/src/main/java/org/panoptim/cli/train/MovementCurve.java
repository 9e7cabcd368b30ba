package org.panoptim.cli.train;

import org.panoptim.StepReport;

import java.util.ArrayList;
import java.util.List;

/** How steps moved the net: those that took statistics, about a hundred in a training. */
final class MovementCurve {

    /** How many there are at most. */
    static final int POINTS = 100;

    private final List<Outcome.Movement> points = new ArrayList<>();

    /** Every how many of so many steps take statistics, so that the others are as fast as ever. */
    static int interval(long steps) {
        return Math.toIntExact(Math.ceilDiv(steps, POINTS));
    }

    /** Adds a step, with the statistics of its groups, which have one learning rate. */
    void add(Outcome.Moment at, StepReport report) {
        points.add(
                new Outcome.Movement(
                        at,
                        report.learningRates().values().iterator().next(),
                        report.gradientNorm().orElse(Double.NaN),
                        report.groups().values().stream()
                                .mapToDouble(group -> group.updateRatio().orElse(Double.NaN))
                                .average()
                                .orElse(Double.NaN)));
    }

    List<Outcome.Movement> points() {
        return List.copyOf(points);
    }
}
