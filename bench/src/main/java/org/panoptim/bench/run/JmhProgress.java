package org.panoptim.bench.run;

import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

import java.util.Collection;
import java.util.Optional;

/** Counts JMH's iterations, keeps its output, and prints nothing. */
final class JmhProgress implements OutputFormat {

    private static final int MOST_TEXT = 20_000;

    private final ProgressDisplay progress;
    private final StringBuilder output = new StringBuilder();

    JmhProgress(ProgressDisplay progress) {
        this.progress = progress;
    }

    /**
     * The first line that names an exception or an error, as the benchmark's process printed it.
     */
    Optional<String> failure() {
        return output.toString()
                .lines()
                .filter(line -> line.matches("(Caused by: )?[\\w.$]+(Exception|Error)\\b.*"))
                .map(line -> line.replaceFirst("^(Caused by: )?[\\w.$]+: ", ""))
                .findFirst();
    }

    private void keep(String text) {
        if (output.length() < MOST_TEXT) {
            output.append(text);
        }
    }

    @Override
    public void iteration(BenchmarkParams benchmark, IterationParams parameters, int iteration) {}

    @Override
    public void iterationResult(
            BenchmarkParams benchmark,
            IterationParams parameters,
            int iteration,
            IterationResult data) {
        progress.advance();
    }

    @Override
    public void startBenchmark(BenchmarkParams benchmark) {}

    @Override
    public void endBenchmark(BenchmarkResult result) {}

    @Override
    public void startRun() {}

    @Override
    public void endRun(Collection<RunResult> results) {}

    @Override
    public void print(String text) {
        keep(text);
    }

    @Override
    public void println(String text) {
        keep(text + "\n");
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}

    @Override
    public void verbosePrintln(String text) {}

    @Override
    public void write(int character) {
        keep(String.valueOf((char) character));
    }

    @Override
    public void write(byte[] bytes) {
        keep(new String(bytes, java.nio.charset.StandardCharsets.UTF_8));
    }
}
