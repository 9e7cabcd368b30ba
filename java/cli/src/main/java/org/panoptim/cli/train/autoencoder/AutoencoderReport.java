package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.HtmlTable;
import org.panoptim.cli.page.Page;
import org.panoptim.cli.page.Page.Origin;
import org.panoptim.cli.page.Template;
import org.panoptim.cli.train.Digits;
import org.panoptim.cli.train.Format;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The results as a web page in one file, which needs no network.
 *
 * @param choices the optimizers
 * @param seed of the training
 * @param curves the results
 * @param notes further remarks for the reader
 * @param backend the backend in words
 * @param version Panoptim's version
 * @param command the command line that leads here
 */
public record AutoencoderReport(
        List<AutoencoderChoice> choices,
        long seed,
        List<LossCurve> curves,
        List<String> notes,
        String backend,
        String version,
        String command) {

    private static final String TEMPLATE = "autoencoder.html";

    /** Copies the lists. */
    public AutoencoderReport {
        choices = List.copyOf(choices);
        curves = List.copyOf(curves);
        notes = List.copyOf(notes);
    }

    /** Writes the page, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        OutputFile.writeString(file, page());
    }

    private String page() throws IOException {
        var charts = AutoencoderCharts.of(curves);
        var content =
                Template.of(AutoencoderReport.class, TEMPLATE)
                        .fill(
                                Map.of(
                                        "seed", String.valueOf(seed),
                                        "stopped", stopped(),
                                        "results", results(),
                                        "crossovers", crossovers(),
                                        "curves", charts.figures(),
                                        "hyperparameters", hyperParameters()));
        var title = "Panoptim: %s on an autoencoder of handwritten digits".formatted(names());
        return new Page(title, content, charts)
                .text(
                        new Origin(
                                Html.machine(backend),
                                command,
                                version,
                                Html.date(),
                                Digits.CREDIT));
    }

    private String names() {
        return choices.stream().map(AutoencoderChoice::name).collect(Collectors.joining(", "));
    }

    private String stopped() {
        long complete = curves.stream().filter(LossCurve::complete).count();
        return complete == choices.size()
                ? ""
                : Html.note(
                        "The training was stopped before its end: %d of %d optimizers finished."
                                .formatted(complete, choices.size()));
    }

    private String results() {
        double best =
                curves.stream().mapToDouble(curve -> curve.last().squaredError()).min().orElse(0);
        var table =
                new HtmlTable(
                        "Optimizer", "Iterations", "Squared error per image", "Loss", "Seconds");
        for (var curve : curves) {
            var last = curve.last();
            table.row(
                    last.squaredError() == best ? "best" : "",
                    curve.title(),
                    String.valueOf(last.iteration()),
                    Format.loss(last.squaredError()),
                    Format.loss(last.loss()),
                    LossCurve.seconds(last.seconds()));
        }
        return table.html();
    }

    private String crossovers() {
        return Stream.of(
                        Crossover.all(curves).stream().map(Crossover::sentence),
                        curves.stream()
                                .map(LossCurve::remark)
                                .filter(remark -> !remark.isEmpty())
                                .map(remark -> remark + "."),
                        notes.stream().map(note -> note + "."))
                .flatMap(lines -> lines)
                .map(line -> "<p>" + Html.escape(line) + "</p>")
                .collect(Collectors.joining("\n"));
    }

    private String hyperParameters() {
        return choices.stream()
                .map(choice -> Html.settings(choice.name(), choice.settings()))
                .collect(Collectors.joining("\n"));
    }
}
