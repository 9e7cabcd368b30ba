package org.panoptim.cli.page;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import javax.xml.parsers.DocumentBuilderFactory;

class LineChartTest {

    private static LineChart chart() {
        var chart = new LineChart("Epochs", "Loss").logarithmic();
        chart.add("one", 0, new double[] {0, 1, 2}, new double[] {1, .1, .01});
        chart.add("two", 1, new double[] {0, 1, 2}, new double[] {1, .2, .02});
        return chart;
    }

    private static String draw(String id, String label) {
        return chart().draw(id, label);
    }

    @Test
    void aChartIsOneElementThatScalesAndSaysWhatItShows() throws Exception {
        var root =
                DocumentBuilderFactory.newNSInstance()
                        .newDocumentBuilder()
                        .parse(new InputSource(new StringReader(draw("a", "Loss <&\"> epochs"))))
                        .getDocumentElement();

        assertThat(root.getNodeName()).isEqualTo("svg");
        assertThat(root.getAttribute("viewBox")).isEqualTo("0 0 760 460");
        assertThat(root.hasAttribute("width")).isFalse();
        assertThat(root.getAttribute("aria-label")).isEqualTo("Loss <&\"> epochs");
        assertThat(root.getElementsByTagName("path").getLength()).isGreaterThan(20);
        assertThat(root.getElementsByTagName("text").getLength()).isZero();
    }

    @Test
    void theLegendIsAListOfNamesEachWithAPieceOfItsCurve() {
        var chart = chart();
        chart.add("<three>", 2, new double[] {0, 1}, new double[] {1, 2});
        chart.add("nothing to draw", 3, new double[] {0}, new double[] {Double.NaN});
        var drawn = chart.drawWithLegend("a", "A");

        assertThat(drawn).startsWith("<svg").contains("</svg><ul class=\"legend\"><li><svg ");
        assertThat(drawn.substring(drawn.indexOf("<ul")))
                .contains(
                        "<span>one</span></li><li>",
                        "<span>two</span>",
                        "<span>&lt;three&gt;</span>")
                .endsWith(
                        "</li></ul><p class=\"note\">Not drawn, for want of a finite value above 0:"
                                + " nothing to draw.</p>");
        assertThat(chart().drawWithLegend("a", "A")).endsWith("</li></ul>");
    }

    @Test
    void aCurveThatIsFiniteNoMoreIsNamed() {
        var chart = chart();
        chart.add("gap", 2, new double[] {0, 1, 2}, new double[] {1, Double.NaN, 2});
        chart.add("diverged", 3, new double[] {0, 1, 2}, new double[] {1, 2, Double.NaN});
        assertThat(chart.drawWithLegend("a", "A"))
                .endsWith(
                        "</li></ul><p class=\"note\">Broken off, for want of a further finite value"
                                + " above 0: diverged.</p>");
    }

    @Test
    void fortyNineCurvesAreToldApart() {
        assertThat(IntStream.range(0, 49).mapToObj(CurveStyle::of).map(CurveStyle::sample))
                .doesNotHaveDuplicates();
        // Of the first seven each has its own colour, dashes and marker.
        var few = IntStream.range(0, 7).mapToObj(CurveStyle::of).toList();
        assertThat(few).extracting(CurveStyle::color).doesNotHaveDuplicates();
        assertThat(few).extracting(CurveStyle::marker).doesNotHaveDuplicates();
        assertThat(few.stream().map(style -> Arrays.toString(style.dashes())))
                .doesNotHaveDuplicates();
    }

    @Test
    void chartsInOnePageShareNoNames() throws Exception {
        var names = new ArrayList<>(names(draw("a", "A")));
        names.addAll(names(draw("b", "B")));

        assertThat(names).isNotEmpty().doesNotHaveDuplicates();
    }

    private static List<String> names(String svg) {
        return java.util.regex.Pattern.compile(" id=\"([^\"]*)\"")
                .matcher(svg)
                .results()
                .map(match -> match.group(1))
                .toList();
    }

    @Test
    void aChartNamesNothingOnTheNetworkAndNoGenerator() {
        assertThat(draw("a", "A").replace("http://www.w3.org/2000/svg", ""))
                .doesNotContain("http", "<!", "<?", "Batik");
    }

    @Test
    void theSameCurvesGiveTheSameText() {
        assertThat(draw("a", "A")).isEqualTo(draw("a", "A"));
    }
}
