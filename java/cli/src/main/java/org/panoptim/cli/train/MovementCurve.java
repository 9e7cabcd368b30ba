package org.panoptim.cli.train;

import org.panoptim.StepReport;

import java.util.ArrayList;
import java.util.List;

/** How steps moved the net: those that took statistics, about a hundred in a training. */
final class MovementCurve {

    /** How many there are at most. */
    static final int POINTS = 100;

    private final double stepsPerEpoch;
    private final List<Outcome.Movement> points = new ArrayList<>();

    MovementCurve(double stepsPerEpoch) {
        this.stepsPerEpoch = stepsPerEpoch;
    }

    /** Every how many of so many steps take statistics, so that the others are as fast as ever. */
    static int interval(long steps) {
        return Math.toIntExact(Math.ceilDiv(steps, POINTS));
    }

    /** Adds a step of a number, from 1, with the statistics of its groups. */
    void add(long step, StepReport report) {
        points.add(
                new Outcome.Movement(
                        step / stepsPerEpoch,
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
