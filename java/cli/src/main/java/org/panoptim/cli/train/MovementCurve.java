package org.panoptim.cli.train;

import org.panoptim.StepReport;

import java.util.ArrayList;
import java.util.List;

/** How steps moved the net, as means over stretches of steps, so that curves are not a haze. */
final class MovementCurve {

    private static final int STRETCHES = 100;

    private final long stretch;
    private final double stepsPerEpoch;
    private final List<Outcome.Movement> points = new ArrayList<>();
    private long steps;
    private long ofStretch;
    private double gradientNorms;
    private double updateRatios;

    /** A curve for so many steps. */
    MovementCurve(long steps, double stepsPerEpoch) {
        this.stretch = Math.ceilDiv(steps, STRETCHES);
        this.stepsPerEpoch = stepsPerEpoch;
    }

    /** Adds a step, with the statistics of all its groups. */
    void add(StepReport report) {
        steps++;
        ofStretch++;
        gradientNorms += report.gradientNorm().orElse(Double.NaN);
        updateRatios +=
                report.groups().values().stream()
                        .mapToDouble(group -> group.updateRatio().orElse(Double.NaN))
                        .average()
                        .orElse(Double.NaN);
        if (ofStretch == stretch) {
            finishStretch();
        }
    }

    private void finishStretch() {
        points.add(
                new Outcome.Movement(
                        steps / stepsPerEpoch,
                        gradientNorms / ofStretch,
                        updateRatios / ofStretch));
        ofStretch = 0;
        gradientNorms = 0;
        updateRatios = 0;
    }

    /** The points so far, with one for a stretch that is not full. */
    List<Outcome.Movement> points() {
        if (ofStretch > 0) {
            finishStretch();
        }
        return List.copyOf(points);
    }
}
