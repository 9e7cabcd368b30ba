package org.panoptim.cli.run;

import org.panoptim.cli.page.Curves;
import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.Page;
import org.panoptim.cli.page.Page.Origin;
import org.panoptim.cli.page.Template;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A run as a web page in one file, which needs no network.
 *
 * @param run that is shown
 * @param earlier those that it is compared with, their contenders labelled
 * @param results of the contenders of all of them
 * @param curves of the same
 * @param words what the task says of itself
 */
public record RunPage(
        RunRecord run, List<RunRecord> earlier, Results results, Curves curves, Words words) {

    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("d MMMM yyyy, HH:mm", Locale.ENGLISH);

    /**
     * What a task says of itself, as text.
     *
     * @param title of the page, before the optimizers
     * @param heading of the page
     * @param lead what was trained, and how
     * @param stopped that not all was trained, and what; empty if it was
     * @param remarks on the results, each a paragraph
     * @param resultsNote what the columns of the results mean
     * @param curvesNote what holds for all curves
     * @param credit whose data it is
     */
    public record Words(
            String title,
            String heading,
            String lead,
            String stopped,
            List<String> remarks,
            String resultsNote,
            String curvesNote,
            String credit) {

        /** Copies the list. */
        public Words {
            remarks = List.copyOf(remarks);
        }
    }

    /** Copies the list. */
    public RunPage {
        earlier = List.copyOf(earlier);
    }

    /** Writes the page, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        OutputFile.writeString(file, text());
    }

    private String text() throws IOException {
        var content =
                Template.of(RunPage.class, "page.html")
                        .fill(
                                Map.ofEntries(
                                        Map.entry("heading", Html.escape(words.heading())),
                                        Map.entry("lead", Html.escape(words.lead())),
                                        Map.entry("stopped", note(words.stopped())),
                                        Map.entry("verdict", verdict()),
                                        Map.entry("results", results.html()),
                                        Map.entry("remarks", remarks()),
                                        Map.entry("resultsNote", Html.escape(resultsNote())),
                                        Map.entry("curvesNote", Html.escape(curvesNote())),
                                        Map.entry("curves", curves.figures()),
                                        Map.entry("hyperparameters", hyperParameters()),
                                        Map.entry("earlier", earlierRuns())));
        var origin = run.origin();
        return new Page(title(), content, curves)
                .text(
                        new Origin(
                                Html.term("Backend", origin.backend())
                                        + Html.term("Processor", origin.processor())
                                        + Html.term("System", origin.system())
                                        + Html.term("Java", origin.java()),
                                origin.command(),
                                origin.version(),
                                DATE.format(run.began()),
                                words.credit()));
    }

    private String title() {
        var names = run.contenders().stream().map(Contender::name);
        return "Panoptim: %s on %s"
                .formatted(names.collect(Collectors.joining(", ")), words.title());
    }

    private static String note(String text) {
        return text.isEmpty() ? "" : Html.note(text);
    }

    private String verdict() {
        var verdict = new Verdict(results);
        var sentence = verdict.sentence();
        return !verdict.isGood() ? note(sentence) : paragraph(sentence);
    }

    private static String paragraph(String text) {
        return text.isEmpty() ? "" : "<p>" + Html.escape(text) + "</p>";
    }

    private String remarks() {
        return words.remarks().stream().map(RunPage::paragraph).collect(Collectors.joining("\n"));
    }

    private String resultsNote() {
        return (results.remark() + " " + words.resultsNote()).strip();
    }

    private String curvesNote() {
        var bands =
                results.remark().isEmpty()
                        ? ""
                        : "Lines are means over the seeds, and areas reach from the least to the"
                                + " greatest value. ";
        return bands + words.curvesNote();
    }

    private String hyperParameters() {
        var ofAll =
                run.options().isEmpty()
                        ? Stream.<String>empty()
                        : Stream.of(Html.settings("of all", equations(run.options())));
        var ofEach =
                results.contenders().stream()
                        .map(each -> Html.settings(each.name(), equations(each.settings())));
        return Stream.concat(ofAll, ofEach).collect(Collectors.joining("\n"));
    }

    private static List<String> equations(SequencedMap<String, String> settings) {
        return settings.entrySet().stream()
                .map(entry -> entry.getKey() + " = " + entry.getValue())
                .toList();
    }

    private String earlierRuns() {
        if (earlier.isEmpty()) {
            return "";
        }
        return earlier.stream()
                .map(
                        each ->
                                Html.term(
                                        "[" + each.label() + "]",
                                        "%s, Panoptim %s, %s, %s: %s"
                                                .formatted(
                                                        DATE.format(each.began()),
                                                        each.origin().version(),
                                                        each.origin().backend(),
                                                        each.origin().processor(),
                                                        each.origin().command())))
                .collect(Collectors.joining("\n", "<h2>Compared with</h2>\n<dl>\n", "\n</dl>"));
    }
}
