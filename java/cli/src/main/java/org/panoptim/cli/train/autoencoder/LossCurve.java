package org.panoptim.cli.train.autoencoder;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How an optimizer fared.
 *
 * @param choice the optimizer
 * @param points where it stood at the start and after each step; one at least
 * @param complete whether it was left to finish
 * @param remark what it has to say of its steps; empty: nothing
 */
public record LossCurve(
        AutoencoderChoice choice, List<Point> points, boolean complete, String remark) {

    /**
     * Where an optimizer stood.
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

    /** Where it stood at the end. */
    public Point last() {
        return points.getLast();
    }

    /** Where its squared error was first below this, if it ever was. */
    public Optional<Point> firstBelow(double squaredError) {
        return points.stream().filter(point -> point.squaredError() < squaredError).findFirst();
    }

    /** The optimizer's name, and that it was stopped if it was. */
    public String title() {
        return choice.name() + (complete ? "" : " (stopped)");
    }

    /** Seconds as they are written everywhere. */
    public static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.2f", seconds);
    }
}
