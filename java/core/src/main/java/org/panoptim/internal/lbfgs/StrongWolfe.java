package org.panoptim.internal.lbfgs;

/**
 * A line search for a point that satisfies the strong Wolfe conditions: first a bracket around one,
 * then ever smaller brackets (Nocedal and Wright, algorithms 3.5 and 3.6). Which points it tries is
 * PyTorch's {@code _strong_wolfe}, whose other source is minFunc.
 */
final class StrongWolfe {

    /** What share of the slope the loss must fall by. */
    private static final double SUFFICIENT_DECREASE = 1e-4;

    /** To what share of its size the slope must fall. */
    private static final double CURVATURE = 0.9;

    /** The loss along the direction. */
    interface Line {

        /**
         * Goes to a point and looks at the loss there.
         *
         * @param needed points tried before that the search may still choose
         */
        Trial at(double t, Trial... needed);

        /** Whether a bracket of that width is too small to go on. */
        boolean isShort(double width);
    }

    private final Line line;
    private final Trial start;
    private final int limit;
    private int searches;

    /**
     * A search.
     *
     * @param start where the line begins, downhill
     * @param limit the most points to be tried after the first
     */
    StrongWolfe(Line line, Trial start, int limit) {
        this.line = line;
        this.start = start;
        this.limit = limit;
    }

    /**
     * Searches.
     *
     * @param first the first point to be tried
     * @return the point found, or the best of those that the limit allowed, perhaps the start
     */
    Trial search(double first) {
        var before = start;
        var trial = line.at(first, start);
        while (searches < limit) {
            if (isTooHigh(trial) || searches > 1 && trial.loss() >= before.loss()) {
                return zoom(before, trial);
            }
            if (isFlat(trial)) {
                return trial;
            }
            if (trial.slope() >= 0) {
                return zoom(before, trial);
            }
            double least = trial.t() + 0.01 * (trial.t() - before.t());
            double next = Cubic.minimum(before, trial, least, trial.t() * 10);
            before = trial;
            trial = line.at(next, start, before);
            searches++;
        }
        return start.loss() <= trial.loss() ? start : trial;
    }

    private boolean isTooHigh(Trial trial) {
        return trial.loss() > start.loss() + SUFFICIENT_DECREASE * trial.t() * start.slope();
    }

    private boolean isFlat(Trial trial) {
        return Math.abs(trial.slope()) <= -CURVATURE * start.slope();
    }

    /** Looks between the ends of a bracket, which the points that are tried replace. */
    private Trial zoom(Trial left, Trial right) {
        var ends = new Trial[] {left, right};
        int low = lower(ends);
        boolean wasClose = false;
        while (searches < limit && !line.isShort(Math.abs(ends[1].t() - ends[0].t()))) {
            double t = Cubic.minimum(ends[0], ends[1]);
            double least = Math.min(ends[0].t(), ends[1].t());
            double most = Math.max(ends[0].t(), ends[1].t());
            double margin = 0.1 * (most - least);
            boolean close = Math.min(most - t, t - least) < margin;
            if (close && (wasClose || t >= most || t <= least)) {
                t = Math.abs(t - most) < Math.abs(t - least) ? most - margin : least + margin;
                close = false;
            }
            wasClose = close;
            var trial = line.at(t, ends);
            searches++;
            if (isTooHigh(trial) || trial.loss() >= ends[low].loss()) {
                ends[1 - low] = trial;
                low = lower(ends);
            } else if (isFlat(trial)) {
                return trial;
            } else {
                if (trial.slope() * (ends[1 - low].t() - ends[low].t()) >= 0) {
                    ends[1 - low] = ends[low];
                }
                ends[low] = trial;
            }
        }
        return ends[low];
    }

    private static int lower(Trial[] ends) {
        return ends[0].loss() <= ends[1].loss() ? 0 : 1;
    }
}
