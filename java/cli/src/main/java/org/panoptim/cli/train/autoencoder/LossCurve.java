package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.run.Run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * The losses of an optimizer, step by step.
 *
 * @param choice the optimizer
 * @param seed what is random followed from it
 * @param points the net at the start and after each step; one at least
 * @param end how it ended
 * @param remark on its steps, in a line; empty: none
 */
public record LossCurve(
        AutoencoderChoice choice, long seed, List<Point> points, Run.End end, String remark) {

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

    /**
     * The mean curve of each optimizer over its seeds, with the iterations that all of them have
     * and the remark of the first.
     *
     * @param curves those of one optimizer one behind the other
     */
    public static List<LossCurve> means(List<LossCurve> curves) {
        var byChoice = new LinkedHashMap<AutoencoderChoice, List<LossCurve>>();
        curves.forEach(
                each -> byChoice.computeIfAbsent(each.choice(), _ -> new ArrayList<>()).add(each));
        return byChoice.values().stream().map(LossCurve::mean).toList();
    }

    private static LossCurve mean(List<LossCurve> seeds) {
        var first = seeds.getFirst();
        int common = seeds.stream().mapToInt(each -> each.points().size()).min().orElseThrow();
        var points =
                IntStream.range(0, common)
                        .mapToObj(
                                i ->
                                        new Point(
                                                first.points().get(i).iteration(),
                                                mean(seeds, i, Point::seconds),
                                                mean(seeds, i, Point::loss),
                                                mean(seeds, i, Point::squaredError)))
                        .toList();
        return new LossCurve(first.choice(), first.seed(), points, first.end(), first.remark());
    }

    private static double mean(List<LossCurve> seeds, int point, ToDoubleFunction<Point> figure) {
        return seeds.stream()
                .mapToDouble(each -> figure.applyAsDouble(each.points().get(point)))
                .average()
                .orElseThrow();
    }

    /** The point at the end. */
    public Point last() {
        return points.getLast();
    }

    /** The first point with a squared error below this, if any. */
    public Optional<Point> firstBelow(double squaredError) {
        return points.stream().filter(point -> point.squaredError() < squaredError).findFirst();
    }

    /** Seconds with two decimals. */
    public static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.2f", seconds);
    }
}
