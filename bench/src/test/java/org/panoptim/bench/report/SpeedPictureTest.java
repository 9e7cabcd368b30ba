package org.panoptim.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Samples;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

import javax.xml.parsers.DocumentBuilderFactory;

class SpeedPictureTest {

    private static final Results RESULTS =
            Samples.results(
                    List.of(
                            Samples.step("flat", "limit", 0.9),
                            Samples.step("flat", "djl", 8),
                            Samples.step("flat", "bytedeco", 4),
                            Samples.step("small", "djl", 1000)));

    @Test
    void barsAreAsLongAsStepsTakeTimesPanoptims() throws Exception {
        var picture = parsed(SpeedPicture.of(RESULTS, List.of("flat")).svg());

        assertThat(texts(picture))
                .containsSubsequence(
                        "one tensor of 33.5 million",
                        "Panoptim",
                        "1",
                        "bytedeco PyTorch",
                        "4.0 times",
                        "DJL",
                        "8.0 times")
                .doesNotContain("ND4J");
        var widths =
                elements(picture, "rect").stream()
                        .filter(rect -> !rect.getAttribute("class").equals("page"))
                        .mapToDouble(rect -> Double.parseDouble(rect.getAttribute("width")))
                        .toArray();
        assertThat(widths).hasSize(3);
        assertThat(widths[1] / widths[0]).isBetween(3.95, 4.05);
        assertThat(widths[2] / widths[0]).isBetween(7.9, 8.1);
    }

    @Test
    void spreadsAreWithinThePicture() throws Exception {
        var picture = parsed(SpeedPicture.of(RESULTS, List.of("flat")).svg());
        var ends =
                elements(picture, "path").stream()
                        .map(path -> path.getAttribute("d").split("H")[1])
                        .mapToDouble(Double::parseDouble)
                        .toArray();
        assertThat(ends).hasSize(2);
        assertThat(ends[0]).isLessThan(ends[1]);
        assertThat(ends[1]).isEqualTo(480);
    }

    @Test
    void workloadsStandBelowEachOtherOnOneScale() throws Exception {
        var picture = parsed(SpeedPicture.of(RESULTS, List.of("flat", "small")).svg());
        assertThat(texts(picture)).containsSubsequence("8.0 times", "DJL", "1,000 times");
        var own =
                elements(picture, "rect").stream()
                        .filter(rect -> rect.getAttribute("class").equals("own"))
                        .map(rect -> rect.getAttribute("width"))
                        .toList();
        assertThat(own).hasSize(2).containsOnly(own.getFirst());
    }

    @Test
    void aWorkloadThatWasNotComparedIsRefused() {
        assertThatThrownBy(() -> SpeedPicture.of(RESULTS, List.of("tiny")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the results have no step of 'tiny' compared with another library");
    }

    @Test
    void aDocumentShowsItWithItsFiguresInWordsAndItsOrigin(@TempDir Path folder) throws Exception {
        RESULTS.write(folder.resolve("r.json"));
        var text = "<!-- picture: p.svg from r.json: flat -->\nold\n<!-- end of picture -->\n";

        assertThat(DocumentFigures.rewritten(text, folder))
                .startsWith("<!-- picture: p.svg from r.json: flat -->\n<img src=\"p.svg\" ")
                .endsWith("<!-- end of picture -->\n")
                .doesNotContain("old")
                .contains("one tensor of 33.5 million: bytedeco PyTorch 4.0 times, DJL 8.0 times.")
                .contains("Compared with what bytedeco is; what djl is. On some processor (8 GiB;")
                .contains("2020-02-02:\n<code>./panoptim bench --workload &lt;flat&gt;</code>");
        Files.writeString(folder.resolve("d.md"), text);
        DocumentFigures.main(new String[] {folder.resolve("d.md").toString()});
        assertThat(folder.resolve("p.svg"))
                .hasContent(SpeedPicture.of(RESULTS, List.of("flat")).svg());
    }

    private static Document parsed(String svg) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(svg)));
    }

    private static List<String> texts(Document picture) {
        return elements(picture, "text").stream().map(Element::getTextContent).toList();
    }

    private static List<Element> elements(Document picture, String name) {
        var nodes = picture.getElementsByTagName(name);
        return IntStream.range(0, nodes.getLength())
                .mapToObj(i -> (Element) nodes.item(i))
                .toList();
    }
}
