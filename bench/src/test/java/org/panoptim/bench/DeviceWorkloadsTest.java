package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;

/**
 * The program that times kernels without Java ({@code bench/device}) has the benchmarks' workloads.
 */
class DeviceWorkloadsTest {

    private JsonObject python = new JsonObject();

    @BeforeEach
    void askPython() throws Exception {
        var program = Path.of(System.getProperty("panoptim.peers"), "../device/workloads.py");
        var builder =
                new ProcessBuilder("python3", program.toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new TestAbortedException("there is no python3", e);
        }
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        python = JsonParser.parseString(output).getAsJsonObject();
    }

    @Test
    void tensorsAreThoseOfTheWorkloadsOfTheSameNames() {
        var workloads = python.getAsJsonObject("workloads");
        assertThat(workloads.keySet()).contains("gpt2-small", "resnet-50", "tensors-10000");
        for (var name : workloads.keySet()) {
            var sizes = elements(workloads.get(name)).stream().map(JsonElement::getAsLong);
            assertThat(sizes)
                    .as(name)
                    .isEqualTo(
                            Workload.named(name).shapes().stream().map(Shape::elements).toList());
        }
    }

    @Test
    void layersAreThoseOfTheModelsOfTheSameNames() {
        var models = python.getAsJsonObject("models");
        assertThat(models.keySet())
                .containsExactlyInAnyOrder("RESNET50", "GPT2_SMALL", "SQUARES_128");
        for (var name : models.keySet()) {
            var layers = elements(models.get(name)).stream().map(DeviceWorkloadsTest::layer);
            assertThat(layers).as(name).isEqualTo(FactorSizes.valueOf(name).layers());
        }
    }

    private static FactorSizes.Layer layer(JsonElement layer) {
        var parts = elements(layer);
        return new FactorSizes.Layer(
                parts.get(0).getAsInt(), parts.get(1).getAsInt(), parts.get(2).getAsBoolean());
    }

    private static List<JsonElement> elements(JsonElement array) {
        return StreamSupport.stream(array.getAsJsonArray().spliterator(), false).toList();
    }
}
