package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

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

    @Test
    void everyWorkloadAndRuleHasFiguresThroughBothImplementations(@TempDir Path folder)
            throws IOException {
        var file = folder.resolve("figures.json");
        CudaBenchmark.main(new String[] {file.toString()});
        var result = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertThat(result.get("virtual").getAsBoolean()).isTrue();
        for (var implementation : new String[] {"cuda-ffm", "cuda-jcuda"}) {
            var figures = result.getAsJsonArray(implementation);
            assertThat(figures).hasSize(7);
            for (var figure : figures) {
                var entry = figure.getAsJsonObject();
                assertThat(entry.getAsJsonObject("nothing").get("median_ms").getAsDouble())
                        .isNotNegative();
                for (var part : new String[] {"copy", "step", "clip + step + zero"}) {
                    var times = entry.getAsJsonObject(part);
                    assertThat(times.get("median_ms").getAsDouble())
                            .as("%s, %s", entry.get("workload"), part)
                            .isBetween(
                                    times.get("smallest_ms").getAsDouble(),
                                    times.get("largest_ms").getAsDouble());
                    assertThat(times.get("of_copy").getAsDouble()).isPositive();
                }
                assertThat(entry.getAsJsonObject("step_on_host").get("median_us").getAsDouble())
                        .isPositive();
            }
        }
    }

    @Test
    void noStepIsTimedOnZeros() {
        var watch = new GradientWatch(FfmCuda.load());
        try (var backend = CudaBackend.open("cuda-ffm", watch, CudaOptions.defaults())) {
            new CudaBenchmark(backend).all();
        }
        // Seven times two optimizers, each in three rounds of at least one step.
        assertThat(watch.updates()).isGreaterThan(7 * 2 * 3);
        assertThat(watch.onZeros()).isZero();
    }
}
