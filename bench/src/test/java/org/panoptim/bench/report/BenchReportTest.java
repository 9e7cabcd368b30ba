package org.panoptim.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.result.Samples;
import org.panoptim.bench.result.StepTimes;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

class BenchReportTest {

    private static final List<org.panoptim.bench.result.StepTimes> STEPS =
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

        assertThat(page).doesNotContain("{{").doesNotContain("<script").doesNotContain("src=");
        assertThat(page).doesNotContain("could not be drawn").doesNotContain("NaN");
        assertThat(page.split("role=\"img\"", -1)).hasSize(5);
        assertThat(page)
                .contains("one tensor of 33.5 million", "1.02 (1.01 to 1.03)")
                .contains("what djl is", "8.00 (7.92 to 8.08)")
                .contains("2000 tensors of 64")
                .contains("RESNET50")
                .contains("4.20 (4.10 to 4.30)")
                .contains("nd4j: is not there")
                .contains("--workload &lt;flat&gt;");
    }

    @Test
    void whatWasNotMeasuredHasNoPlaceInIt() throws Exception {
        var page =
                new BenchReport(
                                Samples.results(List.of(Samples.step("flat", "limit", 1))),
                                Optional.empty())
                        .page();
        assertThat(page).doesNotContain("Compared with other libraries").doesNotContain("{{");
        assertThat(page.split("role=\"img\"", -1)).hasSize(3);
    }

    @Test
    void thePageSaysWhatTheLimitIs() throws Exception {
        var onHost = Samples.step("flat", "limit", 1);
        assertThat(page(onHost))
                .contains("AdamW in fp32 on some processor", "machine's limit, a plain C loop")
                .doesNotContain("machine's limit, a copy");
        assertThat(page(onDevice(onHost)))
                .contains("AdamW in fp32 on simd", "machine's limit, a copy within the device")
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
                .contains("The copy moves as many bytes")
                .doesNotContain("C loop");
    }

    private static String page(StepTimes step) throws IOException {
        return new BenchReport(Samples.results(List.of(step)), Optional.empty()).page();
    }

    @Test
    void thePageHasWhatIsMeasuredOnDevicesAlone() throws Exception {
        var page = new BenchReport(Samples.results(List.of()), Optional.empty()).page();
        assertThat(page)
                .contains(
                        cells("GPT-2 small", "accumulate 8,192 rows a layer", "14.0 ms"),
                        cells("GPT-2 small", "precondition", "14.0 ms"))
                // 10.5 of 14 ms.
                .contains("0.75 (0.74 to 0.76)")
                // 500 MB in 0.3 ms, where the copy moves 2 TB/s.
                .contains("<td>500</td><td>1,667</td><td>0.83 (0.83 to 0.84)</td>")
                .contains("<h3>adamw, GPT-2 small</h3>")
                .contains(cells("panoptim_<wbr>control_<wbr>adamw", "step", "1"))
                .contains(cells("copy within the device's memory", "", "1"))
                .doesNotContain("their times mean nothing");
    }

    private static String cells(String title, String... cells) {
        return "<th scope=\"row\">%s</th><td>%s".formatted(title, String.join("</td><td>", cells));
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
                .contains("Before and now", "small, STEP, simd: share of the limit", "+100")
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
