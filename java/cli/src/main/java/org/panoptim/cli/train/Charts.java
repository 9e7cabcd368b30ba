package org.panoptim.cli.train;

import org.panoptim.cli.page.LineChart;

import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** Learning curves of the classifier as SVG elements to stand in a page. */
final class Charts {

    /** So many points of a curve and its last one are drawn at most. */
    private static final int MOST_MARKERS = 26;

    /** How movements come about, for captions. */
    static final String SAMPLED =
            " A sample: at most %d single steps of a training are measured, evenly spaced, and at most"
                            .formatted(MovementCurve.POINTS)
                    + " %d of them are drawn.".formatted(MOST_MARKERS + 1);

    private Charts() {}

    /** The loss over the epochs, on a logarithmic scale. */
    static String loss(List<Outcome> outcomes) {
        var title = "Training loss";
        var chart = new LineChart("Epochs", title).logarithmic();
        addTo(chart, outcomes, Outcome.Point::loss);
        return chart.drawWithLegend("loss", title);
    }

    /**
     * The accuracy over the epochs, in percent; what the untrained net knows is left out, for it
     * would press the rest together.
     */
    static String accuracy(List<Outcome> outcomes) {
        var title = "Test accuracy (%)";
        var chart = new LineChart("Epochs", title);
        addTo(chart, outcomes, point -> point.epoch() == 0 ? Double.NaN : point.accuracy() * 100);
        return chart.drawWithLegend("accuracy", title);
    }

    /** The norm of all gradients together in the course of the steps, on a logarithmic scale. */
    static String gradientNorm(List<Outcome> outcomes) {
        return movement(
                outcomes, "gradients", "Norm of the gradient", Outcome.Movement::gradientNorm);
    }

    /** How far steps moved the net, by itself, on a logarithmic scale. */
    static String updateRatio(List<Outcome> outcomes) {
        return movement(
                outcomes,
                "updates",
                "Norm of the update / norm of the parameters",
                Outcome.Movement::updateRatio);
    }

    private static String movement(
            List<Outcome> outcomes,
            String id,
            String title,
            ToDoubleFunction<Outcome.Movement> value) {
        var chart = new LineChart("Epochs", title).logarithmic();
        for (int i = 0; i < outcomes.size(); i++) {
            var points = thin(outcomes.get(i).movements());
            chart.add(
                    outcomes.get(i).choice().name(),
                    i,
                    points.stream().mapToDouble(Outcome.Movement::epoch).toArray(),
                    points.stream().mapToDouble(value).toArray());
        }
        return chart.drawWithLegend(id, title);
    }

    private static void addTo(
            LineChart chart, List<Outcome> outcomes, ToDoubleFunction<Outcome.Point> value) {
        for (int i = 0; i < outcomes.size(); i++) {
            var points = thin(outcomes.get(i).curve());
            chart.add(
                    outcomes.get(i).choice().name(),
                    i,
                    points.stream().mapToDouble(Outcome.Point::epoch).toArray(),
                    points.stream().mapToDouble(value).toArray());
        }
    }

    /** Every k-th point and the last, so that markers do not run into each other. */
    private static <T> List<T> thin(List<T> curve) {
        int interval = Math.ceilDiv(curve.size(), MOST_MARKERS);
        return IntStream.range(0, curve.size())
                .filter(i -> i % interval == 0 || i == curve.size() - 1)
                .mapToObj(curve::get)
                .toList();
    }
}
