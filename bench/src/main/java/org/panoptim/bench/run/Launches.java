package org.panoptim.bench.run;

import com.google.gson.Gson;

import org.panoptim.bench.LaunchBenchmark;
import org.panoptim.bench.result.Results.CallTimes;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Measures what calls on the way to a CUDA device cost, over the virtual GPU. */
final class Launches {

    private static final String LIBRARY_PATH = "LD_LIBRARY_PATH";

    private final Jvm jvm;

    Launches(Jvm jvm) {
        this.jvm = jvm;
    }

    int units() {
        return LaunchBenchmark.UNITS;
    }

    List<CallTimes> measure(ProgressDisplay progress, List<String> leftOut) throws IOException {
        var folder = VirtualDriver.folder();
        if (folder.isEmpty()) {
            leftOut.add("launch: " + VirtualDriver.ABSENT);
            return List.of();
        }
        progress.begin("calls of the CUDA driver");
        var figures = Files.createTempFile("panoptim-launch", ".json");
        var output = Files.createTempFile("panoptim-launch", ".txt");
        try {
            var command = new ArrayList<String>();
            command.add(jvm.program().toString());
            command.addAll(jvm.arguments());
            command.addAll(VirtualDriver.options());
            command.addAll(List.of("-cp", System.getProperty("java.class.path")));
            command.addAll(List.of(LaunchBenchmark.class.getName(), figures.toString()));
            command.addAll(jvm.arguments());
            command.addAll(VirtualDriver.options());
            var builder =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(output.toFile());
            builder.environment()
                    .merge(LIBRARY_PATH, folder.get().toString(), (old, ours) -> ours + ":" + old);
            await(builder.start(), progress, output);
            return List.of(
                    new Gson()
                            .fromJson(
                                    Files.readString(figures, StandardCharsets.UTF_8),
                                    CallTimes[].class));
        } finally {
            Files.delete(figures);
            Files.delete(output);
        }
    }

    /** JMH prints a line for each iteration. */
    private static void await(Process process, ProgressDisplay progress, Path output)
            throws IOException {
        int shown = 0;
        try {
            while (!process.waitFor(500, java.util.concurrent.TimeUnit.MILLISECONDS)) {
                int done = iterations(output);
                for (; shown < done; shown++) {
                    progress.advance();
                }
            }
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
        if (process.exitValue() != 0) {
            throw new BenchException(
                    "calls of the CUDA driver: " + Files.readString(output).strip());
        }
    }

    private static int iterations(Path output) throws IOException {
        try (var lines = Files.lines(output)) {
            return (int)
                    lines.filter(line -> line.matches("(# Warmup )?Iteration +\\d+: .*\\d.*"))
                            .count();
        }
    }
}
