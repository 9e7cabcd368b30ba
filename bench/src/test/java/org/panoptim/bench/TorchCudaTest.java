package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;

/** What PyTorch is timed on, on the processor; where no Python with PyTorch is, it says so. */
class TorchCudaTest {

    /** The exit status that says so. */
    private static final int NOT_POSSIBLE = 3;

    @Test
    void noStepIsTimedOnZeros(@TempDir Path folder) throws IOException, InterruptedException {
        var file = folder.resolve("torch.json");
        var results = run(file, "few").getAsJsonArray("results");

        var clipped = new ArrayList<Double>();
        for (var result : results) {
            var entry = result.getAsJsonObject();
            if (entry.get("part").getAsString().equals("clip-step-zero")) {
                clipped.add(entry.get("smallest_gradient_norm").getAsDouble());
            }
        }
        // The fused AdamW and that of foreach, which share their gradients.
        assertThat(results).hasSize(6);
        // 320 numbers with a standard deviation of a thousandth.
        assertThat(clipped).hasSize(2).allSatisfy(norm -> assertThat(norm).isBetween(.01, .03));
    }

    private static JsonObject run(Path file, String workload)
            throws IOException, InterruptedException {
        var builder =
                new ProcessBuilder(
                                PythonPeer.interpreter(),
                                PythonPeer.script("torch_cuda.py").toString(),
                                "--device",
                                "cpu",
                                "--workloads",
                                workload,
                                "--rounds",
                                "2",
                                "--output",
                                file.toString())
                        .redirectErrorStream(true);
        // Threads that wait for work would take it from other tests.
        builder.environment().put("OMP_NUM_THREADS", "1");
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            assumeFalse(true, "there is no Python: " + e.getMessage());
            throw e;
        }
        var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        assumeFalse(status == NOT_POSSIBLE, output);
        assertThat(status).as(output).isZero();
        return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    }
}
