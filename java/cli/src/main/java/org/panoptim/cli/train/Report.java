package org.panoptim.cli.train;

import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.HtmlTable;
import org.panoptim.cli.page.Page;
import org.panoptim.cli.page.Page.Origin;
import org.panoptim.cli.page.Template;
import org.panoptim.cli.train.Training.Settings;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
        var curves = Charts.of(outcomes);
        var content =
                Template.of(Report.class, TEMPLATE)
                        .fill(
                                Map.of(
                                        "lead", Html.escape(lead()),
                                        "stopped", stopped(),
                                        "results", results(),
                                        "curves", curves.figures(),
                                        "hyperparameters", hyperParameters()));
        return new Page("Panoptim: %s on handwritten digits".formatted(names()), content, curves)
                .text(
                        new Origin(
                                Html.machine(backend),
                                command,
                                version,
                                Html.date(),
                                Digits.CREDIT));
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
        return Html.note(
                "The training was stopped before its end: %d of %s finished."
                        .formatted(complete(), count(settings.choices().size(), "optimizer")));
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
        var table =
                new HtmlTable(
                        "Optimizer",
                        "Final loss",
                        "Test accuracy",
                        "Time in steps",
                        "Time a step",
                        "Total time");
        for (var outcome : outcomes) {
            table.row(
                    outcome.last().accuracy() == best ? "best" : "",
                    Format.name(outcome),
                    Format.loss(outcome.last().loss()),
                    Format.percent(outcome.last().accuracy()),
                    Format.time(outcome.inOptimizer()),
                    Format.perStep(outcome.inOptimizer(), outcome.steps()),
                    Format.time(outcome.total()));
        }
        return table.html();
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
