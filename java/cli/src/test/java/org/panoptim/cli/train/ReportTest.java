package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

class ReportTest {

    @TempDir private Path folder;

    private static Outcome outcome(String name, Outcome.Point... curve) {
        return new Outcome(
                OptimizerChoice.of(OptimizerEntry.parse(name), 32),
                List.of(curve),
                List.of(new Outcome.Movement(0.5, 2, 1e-3), new Outcome.Movement(1, 1, 1e-4)),
                45,
                true,
                Duration.ofMillis(9),
                Duration.ofMillis(1234));
    }

    private String write(String backend, Outcome... outcomes) throws IOException {
        var choices = List.of(outcomes).stream().map(Outcome::choice).toList();
        var file = folder.resolve("report.html");
        new Report(
                        new Settings(choices, 1, 32, 1),
                        List.of(outcomes),
                        backend,
                        "1.2.3",
                        "./panoptim train")
                .write(file);
        return Files.readString(file);
    }

    @Test
    void textFromOutsideIsEscaped() throws IOException {
        var page =
                write(
                        "<b>&\"fast\"</b>",
                        outcome("sgd", new Outcome.Point(0, 2, .1), new Outcome.Point(1, 1, .9)));

        assertThat(page).contains("&lt;b&gt;&amp;&quot;fast&quot;&lt;/b&gt;").doesNotContain("<b>");
    }

    @Test
    void normsAreSaidToBeASampleOfTheSteps() throws IOException {
        var page = write("reference", outcome("sgd", new Outcome.Point(1, 1, .9)));
        assertThat(page)
                .contains(
                        "by their own, on a logarithmic scale. A sample: at most 100 single steps"
                            + " of a training are measured, evenly spaced, and at most 27 of them"
                            + " are drawn.");
    }

    @Test
    void aContenderThatCannotBeDrawnIsNamed() throws IOException {
        var page =
                write(
                        "reference",
                        outcome("sgd", new Outcome.Point(1, 1, .9)),
                        outcome("lion", new Outcome.Point(1, Double.NaN, .1)));
        assertThat(page)
                .contains("Not drawn, for want of a finite value above 0: lion.")
                .doesNotContain("finite value above 0: sgd");
    }

    @Test
    void timesAndAccuraciesAreInTheTable() throws IOException {
        var page =
                write(
                        "reference",
                        outcome("sgd", new Outcome.Point(0, 2, .1), new Outcome.Point(1, 1, .9)));

        assertThat(page)
                .contains(
                        "<tr class=\"best\"><th scope=\"row\">sgd</th><td>1.0000</td><td>90.00"
                                + " %</td><td>9.0 ms</td><td>200.0 µs</td><td>1.23 s</td></tr>");
    }

    @Test
    void curvesOfOneRuleAreToldApartByTheirSettings() throws IOException {
        var point = new Outcome.Point(1, 1, .9);
        var page =
                write(
                        "reference",
                        outcome("sgd", point),
                        outcome("sgd@0.1:momentum=0.5", point),
                        outcome("sgd+sam:rho=0.1", point));

        assertThat(page)
                .contains("<th scope=\"row\">sgd<wbr>@0.1<wbr>:momentum=0.5</th>")
                .contains("<dt>sgd<wbr>@0.1<wbr>:momentum=0.5</dt><dd><span>lr = 0.1</span>")
                .contains("<span>sam.rho = 0.1</span>");
        // In the legends of all charts.
        assertThat(page.split("<span>sgd<wbr>\\+sam<wbr>:rho=0.1</span>", -1)).hasSize(5);
    }

    @Test
    void aTrainingThatDivergedIsReportedAllTheSame() throws IOException {
        var page =
                write(
                        "reference",
                        outcome(
                                "sgd",
                                new Outcome.Point(0, Double.NaN, .1),
                                new Outcome.Point(1, Double.POSITIVE_INFINITY, .1)),
                        outcome(
                                "lion",
                                new Outcome.Point(0, 2, .1),
                                new Outcome.Point(1, 0, .9),
                                new Outcome.Point(2, Double.NaN, .9)));

        assertThat(page).contains("<td>Infinity</td>", "<td>NaN</td>").contains("</svg>");
    }

    @Test
    void nothingToShowIsAPageWithoutCurves() throws IOException {
        assertThat(
                        new Report(
                                new Settings(
                                        List.of(
                                                OptimizerChoice.of(
                                                        OptimizerEntry.parse("sgd"), 32)),
                                        1,
                                        32,
                                        1),
                                List.of(),
                                "reference",
                                "1.2.3",
                                "./panoptim train"))
                .satisfies(
                        report -> {
                            var file = folder.resolve("report.html");
                            report.write(file);
                            assertThat(Files.readString(file))
                                    .contains("0 of 1 optimizer finished")
                                    .doesNotContain("<svg");
                        });
    }

    @Test
    void theCurvesOfOnePageShareNoNames() throws IOException {
        var page =
                write(
                        "reference",
                        outcome("sgd", new Outcome.Point(0, 2, .1), new Outcome.Point(1, 1, .9)));

        assertThat(
                        Pattern.compile("<clipPath [^>]*id=\"([^\"]+)\"")
                                .matcher(page)
                                .results()
                                .map((MatchResult match) -> match.group(1)))
                .containsExactly(
                        "loss-clipPath1",
                        "accuracy-clipPath1",
                        "gradients-clipPath1",
                        "updates-clipPath1");
        assertThat(page).contains("url(#loss-clipPath1)", "url(#accuracy-clipPath1)");
    }
}
