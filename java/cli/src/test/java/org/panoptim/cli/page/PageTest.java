package org.panoptim.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.page.Axis.Scale;
import org.panoptim.cli.page.Samples.Column;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** What a page is made of, as text. */
class PageTest {

    private static final String HOSTILE =
            "</script><script>hacked()</script><!--\u2028'\"&{{title}}";

    private static final Axis STEPS = Axis.of("step", "Steps", Scale.COUNT);
    private static final Axis LOSS = Axis.of("loss", "Loss", Scale.LOGARITHMIC);
    private static final Axis OTHER = Axis.of("other", "Other", Scale.LINEAR);

    /** HTML elements without an end. */
    private static final Set<String> VOID = Set.of("meta", "input", "wbr", "link", "br", "img");

    private static Curve curve(String name, double... losses) {
        var points = new ArrayList<double[]>();
        for (int i = 0; i < losses.length; i++) {
            points.add(new double[] {i, losses[i]});
        }
        return new Curve(
                name,
                List.of(
                        Samples.of(
                                points,
                                List.of(
                                        new Column<>("step", point -> point[0]),
                                        new Column<>("loss", point -> point[1])))));
    }

    private static Curves curves(Curve... curves) {
        return new Curves(
                "numbers",
                List.of(
                        new Chart("loss", "It falls.", List.of(STEPS), LOSS),
                        new Chart("other", "There is none.", List.of(STEPS), OTHER)),
                List.of(curves));
    }

    private static String page(Curves curves) throws IOException {
        return new Page("A <title>", "<h1>Heading</h1>\n" + curves.figures(), curves)
                .text(
                        new Page.Origin(
                                Html.term("Backend", "b"), "run it", "1.2.3", "today", "Credit."));
    }

    private static List<String> found(String pattern, String text) {
        return Pattern.compile(pattern, Pattern.DOTALL)
                .matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }

    @Test
    void aPageStandsInOneFileAndNamesNothingOnTheNetwork() throws IOException {
        var page = page(curves(curve("one", 1, .1)));

        assertThat(page)
                .startsWith("<!doctype html>\n<html lang=\"en\">")
                .endsWith("</html>\n")
                .contains("<title>A &lt;title&gt;</title>", "<h1>Heading</h1>")
                .contains("<p>Panoptim 1.2.3, today. Credit.</p>", "<pre>run it</pre>")
                .doesNotContain("@import", "url(")
                .doesNotContainPattern("(src|href)=\"(?!#)");
    }

    @Test
    void elementsEndWhereTheyBeganInside() throws IOException {
        // Without what is between the tags of scripts and styles.
        var markup =
                page(curves(curve("one", 1, .1)))
                        .replaceAll("(?s)(<(script|style)[^>]*>).*?(</\\2>)", "$1$3");
        var open = new ArrayDeque<String>();
        var tag = Pattern.compile("<(/?)([a-z][a-z0-9]*)[^>]*>").matcher(markup);
        while (tag.find()) {
            if (!tag.group(1).isEmpty()) {
                assertThat(open.pop()).isEqualTo(tag.group(2));
            } else if (!VOID.contains(tag.group(2))) {
                open.push(tag.group(2));
            }
        }

        assertThat(open).isEmpty();
        assertThat(found(" id=\"([^\"]*)\"", markup)).hasSize(6).doesNotHaveDuplicates();
    }

    @Test
    void onlyItsOwnScriptsAreAllowedToRun() throws Exception {
        var page = page(curves(curve(HOSTILE, 1, .1)));

        var allowed = found("'sha256-([^']+)'", page);
        var scripts = found("<script>(.*?)</script>", page);
        assertThat(scripts).hasSize(2);
        assertThat(allowed).containsExactly(hash(scripts.getFirst()), hash(scripts.getLast()));
        assertThat(page).contains("default-src 'none'; style-src 'unsafe-inline'; script-src '");
    }

    private static String hash(String script) throws Exception {
        var digest = MessageDigest.getInstance("SHA-256");
        return Base64.getEncoder()
                .encodeToString(digest.digest(script.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void aHostileNameStaysAName() throws IOException {
        var page = page(curves(curve(HOSTILE, Double.NaN)));

        assertThat(page).doesNotContain("<script>hacked", "<!--", "hacked()</script>");
        var data = found("<script type=\"application/json\" id=\"data\">(.*?)</script>", page);
        assertThat(
                        JsonParser.parseString(data.getFirst())
                                .getAsJsonObject()
                                .getAsJsonArray("curves")
                                .get(0)
                                .getAsJsonObject()
                                .get("name")
                                .getAsString())
                .isEqualTo(HOSTILE);
        // And in the sentence on what cannot be drawn.
        assertThat(page)
                .contains("No value of &lt;/script&gt;&lt;script&gt;hacked()")
                .contains("&#39;&quot;&amp;{{title}} can be drawn");
    }

    @Test
    void theLibrarysLicenceGoesWithEveryCopy() throws IOException {
        var page = page(curves(curve("one", 1)));

        assertThat(page)
                .contains("var uPlot=", ".u-over")
                .containsPattern("Curves are drawn by uPlot \\d+\\.\\d+\\.\\d+; its licence")
                .contains("The MIT License (MIT)", "Leon Sorokin")
                .contains("permission notice shall be included in\nall copies");
    }

    @Test
    void aChartSaysWhichCurvesItCannotDrawAndWhy() throws IOException {
        var page = page(curves(curve("one", 1, .1), curve("zero", 0, Double.NaN)));

        assertThat(found("<figcaption>(.*?)</figcaption>", page))
                .containsExactly(
                        "It falls. No value of zero can be drawn: none is finite and positive.",
                        "There is none. Not reported by one, zero.");
    }

    @Test
    void numbersAreWrittenAsExactlyAsTheyWereMeasured() {
        assertThat(
                        curves(
                                        curve(
                                                "one",
                                                3,
                                                0.1f,
                                                1e-60,
                                                1e60,
                                                16_777_217,
                                                Double.NEGATIVE_INFINITY))
                                .data())
                .contains(
                        "\"loss\":[3,0.1,1.0E-60,1.0E60,16777217,\"-Infinity\"]",
                        "\"step\":[0,1,2,3,4,5]");
    }

    @Test
    void columnsOfATableAreOfOneLength() {
        var columns = new LinkedHashMap<String, double[]>();
        columns.put("a", new double[1]);
        columns.put("b", new double[2]);
        assertThatIllegalArgumentException().isThrownBy(() -> new Samples(columns));
    }

    @Test
    void barsAreTextAndBoxes() throws IOException {
        var chart = new BarChart("Speed <%>");
        chart.add("we", List.of("flat", "small"), List.of(200., 50.));
        chart.add("they & co", List.of("flat", "small"), List.of(Double.NaN, 12.34));

        assertThat(chart.figure("Medians."))
                .contains("<h3>Speed &lt;%&gt;</h3>", "<figcaption>Medians.</figcaption>")
                .contains(
                        """
                        <li class="group">flat</li>
                        <li><span>we</span><span class="bar"><i class="bar-1" style="--share:1.0000"></i>\
                        200</span></li>
                        <li class="group">small</li>
                        <li><span>we</span><span class="bar"><i class="bar-1" style="--share:0.2500"></i>\
                        50.0</span></li>
                        <li><span>they &amp; co</span><span class="bar"><i class="bar-2"\
                         style="--share:0.0617"></i>12.3</span></li>
                        """);
    }

    @Test
    void rowsOfATableHaveACellForEveryTitle() {
        var table = new HtmlTable("Name", "Time <s>");
        table.row("best", "a_b", "1");
        table.row("", "c", "");

        assertThat(table.html())
                .contains("<th scope=\"col\">Name</th><th scope=\"col\">Time &lt;s&gt;</th>")
                .contains(
                        "<tr class=\"best\"><th scope=\"row\">a_<wbr>b</th>"
                                + "<td data-title=\"Time &lt;s&gt;\">1</td></tr>")
                .contains("<tr><th scope=\"row\">c</th>");
        assertThat(HtmlTable.of(List.of("Name", "Is"), List.of(List.of("a", "b c"))).html())
                .as("words begin at the left, numbers end at the right")
                .contains("<th scope=\"col\" class=\"words\">Is</th>")
                .contains("<td class=\"words\" data-title=\"Is\">b c</td>");
        assertThat(
                        HtmlTable.of(List.of("a", "b"), List.of(List.of("c", "2 s (1 s to 3 s)")))
                                .html())
                .contains(">2 s <span class=\"spread\">(1 s to 3 s)</span></td>");
        assertThatIllegalArgumentException().isThrownBy(() -> table.row("", "c", "1", "2"));
    }
}
