package org.panoptim.cli.train;

import org.panoptim.cli.page.Html;
import org.panoptim.cli.train.Training.Settings;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The results as a web page in one file, which needs no network.
 *
 * @param settings of the training
 * @param outcomes the results
 * @param backend the backend in words
 * @param version Panoptim's version
 * @param command the command line that leads here
 */
public record Report(
        Settings settings, List<Outcome> outcomes, String backend, String version, String command) {

    private static final String TEMPLATE = "report.html";

    /** Copies the list. */
    public Report {
        outcomes = List.copyOf(outcomes);
    }

    /** Writes the page, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        OutputFile.writeString(file, page());
    }

    private String page() throws IOException {
        return Html.template(Report.class, TEMPLATE)
                .replace("{{names}}", Html.escape(names()))
                .replace("{{lead}}", Html.escape(lead()))
                .replace("{{stopped}}", stopped())
                .replace("{{results}}", results())
                .replace("{{charts}}", charts())
                .replace("{{hyperparameters}}", hyperParameters())
                .replace("{{machine}}", Html.machine(backend))
                .replace("{{command}}", Html.escape(command))
                .replace("{{version}}", Html.escape(version))
                .replace("{{date}}", Html.date());
    }

    private String names() {
        return settings.choices().stream()
                .map(OptimizerChoice::name)
                .collect(Collectors.joining(", "));
    }

    private String lead() {
        return "A classifier of handwritten digits (64-128-64-10, rectified linear units,"
                + " cross-entropy), "
                + (isComplete() ? "" : "to be ")
                + "trained for "
                + count(settings.epochs(), "epoch")
                + " in batches of "
                + settings.batch()
                + " on four fifths of 1797 images and tested on the fifth that was held out. Every"
                + " optimizer begins at the same weights and sees the same batches in the same"
                + " order (seed "
                + settings.seed()
                + ").";
    }

    private static String count(long number, String unit) {
        return number + " " + unit + (number == 1 ? "" : "s");
    }

    private String stopped() {
        if (isComplete()) {
            return "";
        }
        return "<p class=\"note\">The training was stopped before its end: %d of %s finished.</p>"
                .formatted(complete(), count(settings.choices().size(), "optimizer"));
    }

    private boolean isComplete() {
        return complete() == settings.choices().size();
    }

    private long complete() {
        return outcomes.stream().filter(Outcome::complete).count();
    }

    private String results() {
        double best =
                outcomes.stream().mapToDouble(outcome -> outcome.last().accuracy()).max().orElse(0);
        return outcomes.stream()
                .map(
                        outcome ->
                                Html.row(
                                        outcome.last().accuracy() == best ? "best" : "",
                                        Format.name(outcome),
                                        Format.loss(outcome.last().loss()),
                                        Format.percent(outcome.last().accuracy()),
                                        Format.time(outcome.inOptimizer()),
                                        Format.perStep(outcome.inOptimizer(), outcome.steps()),
                                        Format.time(outcome.total())))
                .collect(Collectors.joining("\n"));
    }

    private String charts() {
        if (outcomes.isEmpty()) {
            return "";
        }
        try {
            return Html.figure(
                            Charts.loss(outcomes),
                            "Mean cross-entropy over all training images, on a logarithmic scale.")
                    + Html.figure(
                            Charts.accuracy(outcomes),
                            "Share of the held-out images that are classified correctly, from the"
                                    + " first epoch on.")
                    + movements();
        } catch (RuntimeException | LinkageError | InternalError e) {
            // Java's fonts need libraries that a small system may lack; the numbers are worth a
            // page
            // without curves.
            return Html.note("The curves could not be drawn: " + e);
        }
    }

    /** What the optimizers say of their steps. */
    private String movements() {
        if (outcomes.stream().allMatch(outcome -> outcome.movements().isEmpty())) {
            return "";
        }
        return Html.figure(
                        Charts.gradientNorm(outcomes),
                        "The norm of all gradients together as the steps had them, on a logarithmic"
                                + " scale."
                                + Charts.SAMPLED)
                + Html.figure(
                        Charts.updateRatio(outcomes),
                        "How far a step's rule moved the net: the norm of the update of all"
                                + " parameters by their own, on a logarithmic scale."
                                + Charts.SAMPLED);
    }

    private String hyperParameters() {
        return settings.choices().stream()
                .map(
                        choice ->
                                Html.settings(
                                        choice.name(),
                                        choice.settings().entrySet().stream()
                                                .map(
                                                        entry ->
                                                                entry.getKey()
                                                                        + " = "
                                                                        + entry.getValue())
                                                .toList()))
                .collect(Collectors.joining("\n"));
    }
}
