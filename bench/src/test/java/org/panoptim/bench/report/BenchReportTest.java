package org.panoptim.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.result.Samples;
import org.panoptim.bench.result.StepTimes;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class BenchReportTest {

    private static final List<StepTimes> STEPS =
            List.of(
                    Samples.step("flat", "limit", 1.02),
                    Samples.step("small", "limit", .9),
                    Samples.step("flat", "djl", 8),
                    Samples.step("small", "torch-fused", 300),
                    Samples.step("tensors-10", "limit", 1),
                    Samples.step("tensors-1000", "limit", 1),
                    Samples.step("elements-1000", "limit", 1),
                    Samples.step("elements-100000", "limit", 1),
                    Samples.step("tiny", "none", 1));

    @Test
    void thePageShowsAllAndStandsInOneFile() throws Exception {
        var page = new BenchReport(Samples.results(STEPS), Optional.empty()).page();

        assertThat(page).doesNotContain("{{").doesNotContainPattern("(src|href)=\"(?!#)");
        assertThat(page.split("<figure", -1)).hasSize(5);
        assertThat(page)
                .contains("one tensor of 33.5 million", "1.02 " + spread("1.01 to 1.03"))
                .contains("what djl is", "8.00 " + spread("7.92 to 8.08"))
                .contains("2000 tensors of 64")
                .contains("RESNET50")
                .contains("4.20 " + spread("4.10 to 4.30"))
                .contains("nd4j: is not there")
                .contains("--workload &lt;flat&gt;")
                // Both sides against the number and the size of tensors, with their medians.
                .contains(
                        "{\"name\":\"Panoptim\",\"samples\":[{\"tensors\":[3,3],\"milliseconds\":[")
                .contains(
                        "{\"name\":\"C loop\",\"samples\":[{\"tensors\":[3,3],\"milliseconds\":[");
    }

    @Test
    void whatWasNotMeasuredHasNoPlaceInIt() throws Exception {
        var page =
                new BenchReport(
                                Samples.results(List.of(Samples.step("flat", "limit", 1))),
                                Optional.empty())
                        .page();
        assertThat(page)
                .doesNotContain("Compared with other libraries")
                .doesNotContain("{{", "<script");
        assertThat(page.split("<figure", -1)).hasSize(3);
    }

    @Test
    void thePageSaysWhatTheLimitIs() throws Exception {
        var onHost = Samples.step("flat", "limit", 1);
        assertThat(page(onHost))
                .contains("AdamW in fp32 on some processor", "compared with a plain C loop over")
                .contains("<h2>Compared with a plain C loop</h2>", ">C loop / step</th>")
                .doesNotContain("compared with a copy", "limit of");
        assertThat(page(onDevice(onHost)))
                .contains("AdamW in fp32 on simd", "compared with a copy within the device")
                .contains("<h2>Compared with a copy within the device&#39;s memory</h2>")
                .contains(">Copy / step</th>")
                .doesNotContain("plain C loop");
    }

    private static StepTimes onDevice(StepTimes onHost) {
        return new StepTimes(
                onHost.workload(),
                onHost.scenario(),
                "cuda-ffm",
                onHost.baseline(),
                onHost.description(),
                onHost.tensors(),
                onHost.elements(),
                onHost.step(),
                onHost.baselineNanos(),
                onHost.allocated());
    }

    @Test
    void curvesNameTheLimit() throws Exception {
        var onHost = Samples.step("elements-1000", "limit", 1);
        assertThat(page(onHost)).contains("A C loop over few elements");
        assertThat(page(onDevice(onHost)))
                .contains("The copy moves as many bytes", "{\"name\":\"Copy\",")
                .doesNotContain("C loop");
    }

    private static String page(StepTimes step) throws IOException {
        return new BenchReport(Samples.results(List.of(step)), Optional.empty()).page();
    }

    @Test
    void thePageHasWhatIsMeasuredOnDevicesAlone() throws Exception {
        var page = new BenchReport(Samples.results(List.of()), Optional.empty()).page();
        assertThat(page)
                .containsPattern(row("GPT-2 small", "accumulate 8,192 rows a layer", "14.0 ms"))
                .containsPattern(row("GPT-2 small", "precondition", "14.0 ms"))
                // 10.5 of 14 ms.
                .contains("0.75 " + spread("0.74 to 0.76"))
                // 500 MB in 0.3 ms, where the copy moves 2 TB/s.
                .contains(
                        "<td data-title=\"MB\">500</td><td data-title=\"GB/s\">1,667</td>"
                                + "<td data-title=\"Of the copy\">0.83 "
                                + spread("0.83 to 0.84"))
                .contains("<h3>adamw, GPT-2 small</h3>")
                .containsPattern(row("panoptim_<wbr>control_<wbr>adamw", "step", "1"))
                .containsPattern(row("copy within the device&#39;s memory", "", "1"))
                .doesNotContain("their times mean nothing");
    }

    @Test
    void thePageHasTeamsWhatAModelSaysOfThemAndLargerOnesOnPaper() throws Exception {
        var page = new BenchReport(Samples.results(List.of()), Optional.empty()).page();
        assertThat(page)
                .containsPattern(row("GPT-2 small", "2", "500 ms"))
                // PyTorch takes a quarter more.
                .contains("1.25 " + spread("1.25 to 1.25"))
                .contains("what PyTorch does")
                // Of the 498 MB that each of two sends, and with headers.
                .contains(">498 MB, 1.0000</td>", ">1.0020", ">498 MB, 0.5000</td>")
                .contains("What a model says of these", "2.00 GB/s between all members")
                .contains("Larger teams, on paper", "On paper: nobody has measured")
                .containsPattern(row("InfiniBand NDR, 400 Gbit/s", "Llama 2 7B", "1024"));
    }

    private static String spread(String ends) {
        return "<span class=\"spread\">(%s)</span></td>".formatted(ends);
    }

    /** The beginning of a row. */
    private static String row(String title, String... cells) {
        return "<th scope=\"row\">%s</th><td[^>]*>%s"
                .formatted(
                        Pattern.quote(title),
                        Stream.of(cells)
                                .map(Pattern::quote)
                                .collect(Collectors.joining("</td><td[^>]*>")));
    }

    @Test
    void thePageSaysThatTimesOfTheVirtualDeviceMeanNothing() throws Exception {
        var page = new BenchReport(Samples.results(true, List.of(), 1), Optional.empty()).page();
        assertThat(page).contains("<p class=\"note\">Measured on the virtual GPU");
    }

    @Test
    void comparedWithAnEarlierRunItSaysWhatChanged() throws Exception {
        var before = Samples.results(List.of(Samples.step("small", "limit", .5)));
        var now = Samples.results(List.of(Samples.step("small", "limit", 1)));

        var page = new BenchReport(now, Optional.of(before)).page();

        assertThat(page)
                .contains(
                        "Before and now", "small, STEP, simd: compared with a plain C loop", "+100")
                .doesNotContain("{{");
    }

    @Test
    void aPeersShareOfTheLimitFollowsFromOurs() {
        var shares = new Shares(Samples.results(STEPS));
        assertThat(shares.workloads()).containsExactly("flat", "small");
        assertThat(shares.peers()).containsExactly("djl", "torch-fused");
        assertThat(shares.panoptim("flat")).hasValue(1.02);
        assertThat(shares.of("flat", "djl")).hasValue(1.02 / 8);
        assertThat(shares.of("small", "djl")).isEmpty();
    }
}
