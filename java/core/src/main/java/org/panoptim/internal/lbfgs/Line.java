package org.panoptim.internal.lbfgs;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * The parameters along the direction of one iteration. What is tried last has its gradient among
 * the vectors; of those tried before, two can be kept.
 */
final class Line implements StrongWolfe.Line {

    /** Evaluates the loss and measures the gradient where the parameters are. */
    interface Evaluation {

        Trial at(double t);
    }

    private final Vectors vectors;
    private final Evaluation evaluation;

    /** The largest float below the tolerance. */
    private final float belowTolerance;

    private final @Nullable Trial[] kept = new Trial[2];
    private @Nullable Trial current;
    private boolean departed;

    Line(Vectors vectors, double toleranceChange, Evaluation evaluation) {
        this.vectors = vectors;
        this.evaluation = evaluation;
        belowTolerance = Math.nextDown((float) toleranceChange);
    }

    /** Moves the parameters to a point. */
    void go(double t) {
        if (departed) {
            vectors.move(t);
        } else {
            vectors.depart(t);
            departed = true;
        }
    }

    @Override
    public Trial at(double t, Trial... needed) {
        keepCurrent(List.of(needed));
        go(t);
        current = null;
        var trial = evaluation.at(t);
        current = trial;
        return trial;
    }

    /** The next gradient replaces the current one. */
    private void keepCurrent(List<Trial> needed) {
        if (current == null || !isAmong(needed, current)) {
            return;
        }
        int place = isAmong(needed, kept[0]) ? 1 : 0;
        vectors.keepGradient(place);
        kept[place] = current;
    }

    private static boolean isAmong(List<Trial> trials, @Nullable Trial trial) {
        return trials.stream().anyMatch(each -> each == trial);
    }

    @Override
    public boolean isShort(double width) {
        return vectors.isWithin(width, belowTolerance);
    }

    /**
     * Moves the parameters to a point that was tried, and takes up the gradient there. At the start
     * it does not: an iteration that has not moved is the last one of its step.
     */
    void settle(Trial chosen) {
        if (chosen == current) {
            return;
        }
        if (chosen.t() == 0) {
            back();
            return;
        }
        vectors.move(chosen.t());
        vectors.useGradient(kept[0] == chosen ? 0 : 1);
    }

    /** Moves the parameters back to where they were. */
    void back() {
        if (departed) {
            vectors.restore();
        }
    }
}
