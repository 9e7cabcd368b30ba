package org.panoptim.cli.train;

import org.panoptim.cli.page.Axis;
import org.panoptim.cli.page.Axis.Scale;
import org.panoptim.cli.page.Chart;
import org.panoptim.cli.page.Curve;
import org.panoptim.cli.page.Curves;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** What the classifier's page shows in curves. */
final class Charts {

    private static final List<Axis> ACROSS =
            List.of(
                    Axis.of("step", "Steps", Scale.COUNT),
                    Axis.of("seconds", "Seconds", Scale.LINEAR));

    private Charts() {}

    /** All charts, in the order of the page. */
    static Curves of(List<Curve> curves) {
        var charts = new ArrayList<>(List.of(loss(), accuracy(curves)));
        if (values(curves, "learning_rate").length > 0) {
            charts.addAll(movements(curves));
        }
        return new Curves("panoptim-classifier", charts, curves);
    }

    /** What curves have in a column; that of the tables which have another, too. */
    private static double[] values(List<Curve> curves, String column) {
        return values(curves, column, column);
    }

    private static double[] values(List<Curve> curves, String column, String with) {
        return curves.stream()
                .flatMap(curve -> curve.samples().stream())
                .filter(samples -> samples.columns().containsKey(with))
                .flatMapToDouble(samples -> DoubleStream.of(samples.columns().get(column)))
                .toArray();
    }

    private static Chart loss() {
        return new Chart(
                "loss",
                "Mean cross-entropy over all training images after each epoch, on a logarithmic"
                        + " scale.",
                ACROSS,
                Axis.of("loss", "Training loss", Scale.LOGARITHMIC));
    }

    /** What the untrained net knows would press the rest together. */
    private static Chart accuracy(List<Curve> curves) {
        var axis = Axis.of("accuracy_percent", "Test accuracy (%)", Scale.LINEAR);
        var steps = values(curves, "step", "accuracy_percent");
        var accuracies = values(curves, "accuracy_percent");
        var least =
                IntStream.range(0, steps.length)
                        .filter(i -> steps[i] > 0)
                        .mapToDouble(i -> accuracies[i])
                        .min();
        return new Chart(
                "accuracy",
                "Share of the held-out images that are classified correctly. The axis begins where"
                        + " the trained nets do; the untrained one is below it.",
                ACROSS,
                least.isPresent() ? axis.startingAt(least.getAsDouble()) : axis);
    }

    private static List<Chart> movements(List<Curve> curves) {
        var sampled = sampled(curves);
        return List.of(
                new Chart(
                        "gradients",
                        "The norm of all gradients together as the steps had them, on a"
                                + " logarithmic scale. "
                                + sampled,
                        ACROSS,
                        Axis.of("gradient_norm", "Norm of the gradient", Scale.LOGARITHMIC)),
                new Chart(
                        "updates",
                        "How far a step moved the net: the norm of the change of all parameters by"
                                + " their own, on a logarithmic scale. "
                                + sampled,
                        ACROSS,
                        Axis.of(
                                "update_ratio",
                                "Norm of the update / norm of the parameters",
                                Scale.LOGARITHMIC)),
                new Chart(
                        "rates",
                        "The rule's learning rate times the schedule's factor, on a logarithmic"
                                + " scale. "
                                + sampled,
                        ACROSS,
                        Axis.of("learning_rate", "Learning rate", Scale.LOGARITHMIC)));
    }

    /** How often steps take statistics, which is the number of the first that does. */
    private static String sampled(List<Curve> curves) {
        double interval = DoubleStream.of(values(curves, "step", "learning_rate")).min().orElse(1);
        return interval == 1 ? "Of every step." : "Sampled: one step in %.0f.".formatted(interval);
    }
}
