package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.Outcome.Moment;
import org.panoptim.cli.train.Outcome.Movement;
import org.panoptim.cli.train.Outcome.Point;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

class ReportTest {

    @TempDir private Path folder;

    private static Moment at(long step) {
        return new Moment(step, step / 45., step / 1000.);
    }

    private static Point point(long step, double loss, double accuracy) {
        return new Point(at(step), loss, accuracy);
    }

    private static Outcome outcome(String name, Point... curve) {
        return new Outcome(
                OptimizerChoice.of(OptimizerEntry.parse(name), 32),
                1,
                List.of(curve),
                List.of(new Movement(at(9), .05, 2, 1e-3), new Movement(at(18), .05, 1, 1e-4)),
                45,
                Run.End.COMPLETE,
                Duration.ofMillis(9),
                Duration.ofNanos(199_000),
                Duration.ofMillis(1234));
    }

    private static Outcome learned(String name) {
        return outcome(name, point(0, 2, .1), point(45, 1, .9));
    }

    private String write(String backend, Outcome... outcomes) throws IOException {
        var choices = List.of(outcomes).stream().map(Outcome::choice).toList();
        return write(backend, choices, List.of(outcomes));
    }

    private String write(String backend, List<OptimizerChoice> choices, List<Outcome> outcomes)
            throws IOException {
        var file = folder.resolve("report.html");
        Reports.write(file, new Settings(choices, 1, 32, List.of(1L)), backend, outcomes);
        return Files.readString(file);
    }

    private static JsonObject data(String page) {
        var begin = "<script type=\"application/json\" id=\"data\">";
        int from = page.indexOf(begin) + begin.length();
        return JsonParser.parseString(page.substring(from, page.indexOf("</script>", from)))
                .getAsJsonObject();
    }

    private static List<String> of(JsonArray array, String property) {
        var values = new ArrayList<String>();
        array.forEach(each -> values.add(each.getAsJsonObject().get(property).getAsString()));
        return values;
    }

    @Test
    void textFromOutsideIsEscaped() throws IOException {
        assertThat(write("<b>&\"fast\"</b>", learned("sgd")))
                .contains("&lt;b&gt;&amp;&quot;fast&quot;&lt;/b&gt;")
                .doesNotContain("<b>");
    }

    @Test
    void timesAndAccuraciesAreInTheTable() throws IOException {
        assertThat(write("reference", learned("sgd")))
                .contains(
                        "<tr class=\"best\"><th scope=\"row\">sgd</th>"
                                + "<td data-title=\"Final loss\">1.0000</td>"
                                + "<td data-title=\"Test accuracy\">90.00\u00a0%</td>"
                                + "<td data-title=\"In steps\">9.0\u00a0ms</td>"
                                + "<td data-title=\"Median step\">199.0\u00a0µs</td>"
                                + "<td data-title=\"Total\">1.23\u00a0s</td></tr>");
    }

    @Test
    void curvesOfOneRuleAreToldApartByTheirSettings() throws IOException {
        var page =
                write(
                        "reference",
                        learned("sgd"),
                        learned("sgd@0.1:momentum=0.5"),
                        learned("sgd+sam:rho=0.1"));

        assertThat(page)
                .contains("<th scope=\"row\">sgd<wbr>@0.1<wbr>:momentum=0.5</th>")
                .contains("<dt>sgd<wbr>@0.1<wbr>:momentum=0.5</dt><dd><span>lr = 0.1</span>")
                .contains("<span>sam.rho = 0.1</span>");
        assertThat(of(data(page).getAsJsonArray("curves"), "name"))
                .containsExactly("sgd", "sgd@0.1:momentum=0.5", "sgd+sam:rho=0.1");
    }

    @Test
    void theNumbersOfAllCurvesAreInThePage() throws IOException {
        var data = data(write("reference", learned("sgd")));

        assertThat(of(data.getAsJsonArray("charts"), "id"))
                .containsExactly("loss", "accuracy", "gradients", "updates", "rates");
        assertThat(data.getAsJsonArray("curves").get(0).getAsJsonObject().get("samples").toString())
                .isEqualTo(
                        "[{\"step\":[0,45],\"epoch\":[0,1],\"seconds\":[0,0.045],\"loss\":[2,1],"
                                + "\"accuracy_percent\":[10,90]},"
                                + "{\"step\":[9,18],\"epoch\":[0.2,0.4],\"seconds\":[0.009,0.018],"
                                + "\"learning_rate\":[0.05,0.05],\"gradient_norm\":[2,1],"
                                + "\"update_ratio\":[0.001,1.0E-4]}]");
    }

    @Test
    void everyChartIsAgainstStepsAndAgainstTime() throws IOException {
        for (var chart : data(write("reference", learned("sgd"))).getAsJsonArray("charts")) {
            assertThat(of(chart.getAsJsonObject().getAsJsonArray("across"), "title"))
                    .containsExactly("Steps", "Seconds");
        }
    }

    @Test
    void thePageSaysHowOftenNormsAreSampledAndWhoHasNone() throws IOException {
        var silent =
                new Outcome(
                        OptimizerChoice.of(OptimizerEntry.parse("torch-adamw"), 32),
                        1,
                        List.of(point(0, 2, .1)),
                        List.of(),
                        45,
                        Run.End.COMPLETE,
                        Duration.ZERO,
                        Duration.ZERO,
                        Duration.ZERO);
        var page = write("reference", learned("sgd"), silent);

        assertThat(page.split("Sampled: one step in 9\\. Not reported by torch-adamw"))
                .hasSize(1 + 3);
    }

    @Test
    void theAxisOfAccuraciesBeginsWhereTrainedNetsDo() throws IOException {
        var page = write("reference", learned("sgd"), learned("lion"));

        var axis = data(page).getAsJsonArray("charts").get(1).getAsJsonObject().get("upwards");
        assertThat(axis.getAsJsonObject().get("least").getAsDouble()).isEqualTo(90);
    }

    @Test
    void aTrainingThatDivergedIsReportedAllTheSame() throws IOException {
        var page =
                write(
                        "reference",
                        outcome(
                                "sgd",
                                point(0, Double.NaN, .1),
                                point(45, Double.POSITIVE_INFINITY, .1)),
                        outcome(
                                "lion",
                                point(0, 2, .1),
                                point(45, 0, .9),
                                point(90, Double.NaN, .9)));

        assertThat(page)
                .contains(">Infinity</td>", ">NaN</td>")
                .contains("\"loss\":[\"NaN\",\"Infinity\"]", "\"loss\":[2,0,\"NaN\"]")
                .contains("No value of sgd can be drawn: none is finite and positive.");
    }

    @Test
    void nothingToShowIsAPageWithoutCurves() throws IOException {
        var choices = List.of(OptimizerChoice.of(OptimizerEntry.parse("sgd"), 32));

        assertThat(write("reference", choices, List.of()))
                .contains("0 of 1 run finished")
                .contains("script-src 'none'")
                .doesNotContain("<figure", "<script", "uPlot");
    }
}
