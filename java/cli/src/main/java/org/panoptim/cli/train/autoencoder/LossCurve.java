package org.panoptim.cli.train.autoencoder;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The losses of an optimizer, step by step.
 *
 * @param choice the optimizer
 * @param points the net at the start and after each step; one at least
 * @param complete whether it was not stopped
 * @param remark on its steps, in a line; empty: none
 */
public record LossCurve(
        AutoencoderChoice choice, List<Point> points, boolean complete, String remark) {

    /**
     * The net after some steps.
     *
     * @param iteration steps taken
     * @param seconds time that they took, without the measuring of these figures
     * @param loss cross-entropy, summed over pixels and averaged over images
     * @param squaredError (sigmoid(z) − x)², likewise
     */
    public record Point(int iteration, double seconds, double loss, double squaredError) {}

    /** Copies the list. */
    public LossCurve {
        points = List.copyOf(points);
        if (points.isEmpty()) {
            throw new IllegalArgumentException("there must be a point at least");
        }
    }

    /** The point at the end. */
    public Point last() {
        return points.getLast();
    }

    /** The first point with a squared error below this, if any. */
    public Optional<Point> firstBelow(double squaredError) {
        return points.stream().filter(point -> point.squaredError() < squaredError).findFirst();
    }

    /** The optimizer's name, marked if it was stopped. */
    public String title() {
        return choice.name() + (complete ? "" : " (stopped)");
    }

    /** Seconds with two decimals. */
    public static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.2f", seconds);
    }
}
