package org.panoptim.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.bench.result.Samples;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class DocumentFiguresTest {

    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    @ParameterizedTest
    @ValueSource(strings = {"docs/benchmarks.md", "bench/FINDINGS.md"})
    void textsHaveTheFiguresOfTheirFiles(String name) throws Exception {
        var file = ROOT.resolve(name);
        var text = Files.readString(file);

        assertThat(text).containsPattern("<!-- figures: \\S*results/");
        assertThat(text)
                .as("scripts/docs-figures brings %s up to date", name)
                .isEqualTo(DocumentFigures.rewritten(text, file.getParent()));
    }

    @Test
    void readmeShowsThePictureOfItsFile() throws Exception {
        var readme = Files.readString(ROOT.resolve("README.md"));
        var pictures = DocumentFigures.pictures(readme, ROOT);

        assertThat(pictures).containsOnlyKeys(ROOT.resolve("docs/speed.svg"));
        for (var picture : pictures.entrySet()) {
            assertThat(picture.getKey())
                    .as("scripts/docs-figures draws it anew")
                    .hasContent(picture.getValue());
        }
        assertThat(readme)
                .as("scripts/docs-figures brings README up to date")
                .isEqualTo(DocumentFigures.rewritten(readme, ROOT));
    }

    @Test
    void figuresAreWrittenBetweenTheMarksAndNowhereElse(@TempDir Path folder) throws Exception {
        Samples.results(
                        List.of(
                                Samples.step("flat", "limit", 1.02),
                                Samples.step("flat", "djl", 8),
                                Samples.step("tiny", "none", 1)))
                .write(folder.resolve("r.json"));
        var text = "before\n<!-- figures: r.json -->\nold\n<!-- end of figures -->\nafter\n";

        var rewritten = DocumentFigures.rewritten(text, folder);

        assertThat(rewritten)
                .startsWith("before\n<!-- figures: r.json -->\nOn some processor (8 GiB")
                .endsWith("<!-- end of figures -->\nafter\n")
                .doesNotContain("old")
                .contains("| one tensor of 33.5 million | 11.0 ms, 1.02 (1.01 to 1.03) |")
                .contains("| one tensor of 33.5 million, step | 8.00 (7.92 to 8.08) |")
                .contains("| `simd` | yes | 100 ms (100 ms to 100 ms)")
                .contains("| a device's step through FFM | 650 ns")
                .contains("| RESNET50 | CHOLESKY |")
                .contains("| GPT2_SMALL | accumulate 8,192 rows a layer | 14.0 ms (13.9 ms to")
                .contains("| GPT2_SMALL | precondition | 14.0 ms (13.9 ms to 14.1 ms) | 0.75 (")
                .contains("| `panoptim_measure` | adamw, GPT-2 small, step | 1 | 300 µs (297 µs")
                .contains("| GPT-2 small | 2 | 500 ms (490 ms to 510 ms) | 625 ms (613 ms to")
                .contains("Larger teams, on paper:\n\n| Network | Model | Members |")
                .doesNotContain("their times mean nothing");
        assertThat(DocumentFigures.rewritten(rewritten, folder)).isEqualTo(rewritten);
    }

    @Test
    void figuresOfTheVirtualDeviceSayThatTheyMeanNothing(@TempDir Path folder) throws Exception {
        Samples.results(true, List.of(), 1).write(folder.resolve("r.json"));

        var rewritten =
                DocumentFigures.rewritten(
                        "<!-- figures: r.json -->\n<!-- end of figures -->\n", folder);

        assertThat(rewritten).contains("\n\nMeasured on the virtual GPU: its kernels run on");
    }

    @Test
    void changesAreWrittenWhereTwoFilesAreNamed(@TempDir Path folder) throws Exception {
        Samples.results(List.of(Samples.step("flat", "limit", .5))).write(folder.resolve("a.json"));
        Samples.results(List.of(Samples.step("flat", "limit", 1))).write(folder.resolve("b.json"));
        var text = "<!-- figures: b.json since a.json -->\n<!-- end of figures -->\n";

        var rewritten = DocumentFigures.rewritten(text, folder);

        assertThat(rewritten)
                .startsWith("<!-- figures: b.json since a.json -->\nOn some processor")
                .contains("| flat, STEP, simd: compared with a plain C loop | 0.50", "| +100");
        assertThat(DocumentFigures.rewritten(rewritten, folder)).isEqualTo(rewritten);
    }
}
