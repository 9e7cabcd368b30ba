package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.monitor.Monitors;
import org.panoptim.monitor.Observation;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.schedule.Schedule;
import org.panoptim.tensor.Shape;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The monitored run that docs/monitoring.md shows, compiled and run. */
class MonitorSnippetTest {

    private static final int ELEMENTS = 6;
    private static final int BATCHES = 20;

    @TempDir Path folder;

    @Test
    void theRunIsWrittenDownAndTheNextStepExplained() throws IOException {
        var printed = new ByteArrayOutputStream();
        var out = System.out;
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try (var arena = Arena.ofShared();
                var backend = Backend.named("reference")) {
            var model = new Model(arena.allocate(4L * ELEMENTS), arena.allocate(4L * ELEMENTS));
            var weight =
                    Parameter.of("weight", Shape.of(2, 3), model.weights).gradient(model.gradients);
            try (var optimizer =
                    Optimizer.builder(AdamW.withLearningRate(3e-3))
                            .group("all", List.of(weight))
                            .schedule(Schedule.linear(1, 0, 25))
                            .clipGlobalNorm(1)
                            .backend(backend)
                            .build()) {
                watch(optimizer, model, folder, BATCHES);
            }
        } finally {
            System.setOut(out);
        }

        var lines = Files.readAllLines(folder.resolve("log.jsonl"));
        assertThat(lines).hasSize(BATCHES);
        var last = JsonParser.parseString(lines.getLast()).getAsJsonObject();
        assertThat(last.get("step").getAsLong()).isEqualTo(BATCHES);
        assertThat(last.get("loss").getAsDouble()).isEqualTo(BATCHES);
        try (var files = Files.list(folder)) {
            assertThat(files.map(each -> each.getFileName().toString()))
                    .hasSize(2)
                    .anyMatch(name -> name.startsWith("events.out.tfevents."));
        }
        var page = Files.readString(Project.root().resolve("docs/monitoring.md"));
        printed.toString(StandardCharsets.UTF_8)
                .lines()
                .limit(5)
                .forEach(line -> assertThat(page).contains("    " + line + "\n"));
    }

    private static void watch(Optimizer optimizer, Model model, Path folder, int batches)
            throws IOException {
        // snippet:start
        try (var monitor =
                Monitors.open(
                        () -> Monitors.jsonLines(folder.resolve("log.jsonl")),
                        () -> Monitors.every(10, Monitors.tensorBoard(folder)))) {
            for (int batch = 0; batch < batches; batch++) {
                double loss = model.backward(batch);
                optimizer.step();
                monitor.write(Observation.of(optimizer.report()).with("loss", loss));
            }
            System.out.println(optimizer.explain("weight"));
        }
        // snippet:end
    }

    /** A loss that counts the batches. */
    private record Model(MemorySegment weights, MemorySegment gradients) {

        double backward(int batch) {
            for (int i = 0; i < ELEMENTS; i++) {
                gradients.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
            }
            return batch + 1;
        }
    }
}
