package org.panoptim.cli.train;

import org.panoptim.cli.page.Axis;
import org.panoptim.cli.page.Axis.Scale;
import org.panoptim.cli.page.Chart;
import org.panoptim.cli.page.Curve;
import org.panoptim.cli.page.Curves;
import org.panoptim.cli.page.Samples;
import org.panoptim.cli.page.Samples.Column;

import java.util.ArrayList;
import java.util.List;

/** What the classifier's page shows of the outcomes in curves. */
final class Charts {

    private static final List<Axis> ACROSS =
            List.of(
                    Axis.of("step", "Steps", Scale.COUNT),
                    Axis.of("seconds", "Seconds", Scale.LINEAR));

    private static final List<Column<Outcome.Point>> POINTS =
            List.of(
                    new Column<>("step", point -> point.at().step()),
                    new Column<>("epoch", point -> point.at().epoch()),
                    new Column<>("seconds", point -> point.at().seconds()),
                    new Column<>("loss", Outcome.Point::loss),
                    new Column<>("accuracy_percent", point -> point.accuracy() * 100));

    private static final List<Column<Outcome.Movement>> MOVEMENTS =
            List.of(
                    new Column<>("step", movement -> movement.at().step()),
                    new Column<>("epoch", movement -> movement.at().epoch()),
                    new Column<>("seconds", movement -> movement.at().seconds()),
                    new Column<>("learning_rate", Outcome.Movement::learningRate),
                    new Column<>("gradient_norm", Outcome.Movement::gradientNorm),
                    new Column<>("update_ratio", Outcome.Movement::updateRatio));

    private Charts() {}

    /** All charts, in the order of the page. */
    static Curves of(List<Outcome> outcomes) {
        var charts = new ArrayList<>(List.of(loss(), accuracy(outcomes)));
        if (outcomes.stream().anyMatch(outcome -> !outcome.movements().isEmpty())) {
            charts.addAll(movements(outcomes));
        }
        return new Curves(
                "panoptim-classifier", charts, outcomes.stream().map(Charts::curve).toList());
    }

    private static Curve curve(Outcome outcome) {
        return new Curve(
                outcome.choice().name(),
                List.of(
                        Samples.of(outcome.curve(), POINTS),
                        Samples.of(outcome.movements(), MOVEMENTS)));
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
    private static Chart accuracy(List<Outcome> outcomes) {
        var axis = Axis.of("accuracy_percent", "Test accuracy (%)", Scale.LINEAR);
        var least =
                outcomes.stream()
                        .flatMap(outcome -> outcome.curve().stream())
                        .filter(point -> point.at().step() > 0)
                        .mapToDouble(point -> point.accuracy() * 100)
                        .min();
        return new Chart(
                "accuracy",
                "Share of the held-out images that are classified correctly. The axis begins where"
                        + " the trained nets do; the untrained one is below it.",
                ACROSS,
                least.isPresent() ? axis.startingAt(least.getAsDouble()) : axis);
    }

    private static List<Chart> movements(List<Outcome> outcomes) {
        var sampled = sampled(outcomes);
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
    private static String sampled(List<Outcome> outcomes) {
        long interval =
                outcomes.stream()
                        .flatMap(outcome -> outcome.movements().stream())
                        .mapToLong(movement -> movement.at().step())
                        .min()
                        .orElse(1);
        return interval == 1 ? "Of every step." : "Sampled: one step in %d.".formatted(interval);
    }
}
