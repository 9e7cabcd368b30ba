package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.FfmCuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The figures of a GPU are written; tried on the virtual GPU. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class CudaBenchmarkTest {

    private static final String BF16 = Scenario.BF16.title();

    @Test
    void everyWorkloadAndRuleHasFiguresThroughBothImplementations(@TempDir Path folder)
            throws IOException {
        var file = folder.resolve("figures.json");
        CudaBenchmark.main(new String[] {file.toString()});
        var result = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertThat(result.get("virtual").getAsBoolean()).isTrue();
        for (var implementation : new String[] {"cuda-ffm", "cuda-jcuda"}) {
            var figures = result.getAsJsonArray(implementation).asList();
            var entries = figures.stream().map(JsonElement::getAsJsonObject).toList();
            assertThat(entries).extracting(CudaBenchmarkTest::name).hasSize(11);
            var ofTypes = entries.stream().filter(entry -> entry.has(BF16)).toList();
            assertThat(ofTypes)
                    .extracting(CudaBenchmarkTest::name)
                    .containsExactly("flat", "gpt2-small");
            ofTypes.forEach(
                    entry ->
                            expectTimes(
                                    entry,
                                    "step",
                                    BF16,
                                    Scenario.COPY.title(),
                                    Scenario.AVERAGE.title()));
            for (var entry : entries) {
                expectTimes(entry, "copy", "step");
                if (!ofTypes.contains(entry)) {
                    expectTimes(entry, "clip + step + zero");
                    assertThat(entry.getAsJsonObject("nothing").get("median_ms").getAsDouble())
                            .isNotNegative();
                    assertThat(entry.getAsJsonObject("step_on_host").get("median_us").getAsDouble())
                            .isPositive();
                }
            }
        }
    }

    private static String name(JsonObject entry) {
        return entry.get("workload").getAsString();
    }

    private static void expectTimes(JsonObject entry, String... parts) {
        for (var part : parts) {
            var times = entry.getAsJsonObject(part);
            assertThat(times.get("median_ms").getAsDouble())
                    .as("%s, %s", name(entry), part)
                    .isBetween(
                            times.get("smallest_ms").getAsDouble(),
                            times.get("largest_ms").getAsDouble());
            assertThat(times.get("of_copy").getAsDouble()).isPositive();
            assertThat(times.get("step_over_this").getAsDouble()).isPositive();
            if (part.equals("step")) {
                assertThat(times.get("step_over_this").getAsDouble()).isEqualTo(1);
            }
        }
    }

    @Test
    void noStepIsTimedOnZeros() {
        var watch = new GradientWatch(FfmCuda.load());
        try (var backend = CudaBackend.open("cuda-ffm", watch, CudaOptions.defaults())) {
            new CudaBenchmark(backend).all();
        }
        // Nine times two optimizers and twice four, each in three rounds of at least one step.
        assertThat(watch.updates()).isGreaterThan((9 * 2 + 2 * 4) * 3);
        assertThat(watch.onZeros()).isZero();
    }
}
