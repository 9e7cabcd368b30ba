package org.panoptim.bench;

import com.google.gson.Gson;

import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.panoptim.bench.result.Results.CallTimes;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Measures {@link LaunchCost} by JMH. A separate program, since the virtual GPU's folder must be on
 * the library path of this process and of those that it starts, and of no other.
 */
public final class LaunchBenchmark {

    private static final TimeValue LENGTH = TimeValue.seconds(1);

    /** Iterations of all benchmarks, with those that do not count. */
    public static final int UNITS = 4 * 2 * (1 + 5);

    private LaunchBenchmark() {}

    /**
     * Measures, and writes a JSON array of {@link CallTimes}.
     *
     * @param arguments the file to write, and then options of the Java that measures
     */
    public static void main(String[] arguments) throws RunnerException, IOException {
        var options =
                new OptionsBuilder()
                        .include("^" + LaunchCost.class.getName().replace(".", "\\.") + "\\.")
                        .forks(2)
                        .warmupIterations(1)
                        .warmupTime(LENGTH)
                        .measurementIterations(5)
                        .measurementTime(LENGTH)
                        .jvmArgs(Arrays.copyOfRange(arguments, 1, arguments.length))
                        .addProfiler(GCProfiler.class)
                        .shouldFailOnError(true)
                        .build();
        var times = new Runner(options).run().stream().map(LaunchBenchmark::times).toList();
        OutputFile.writeString(Path.of(arguments[0]), new Gson().toJson(times));
    }

    private static CallTimes times(RunResult result) {
        var benchmark = result.getParams().getBenchmark();
        return new CallTimes(
                benchmark.substring(benchmark.lastIndexOf('.') + 1),
                result.getParams().getParam("implementation"),
                result.getBenchmarkResults().stream()
                        .flatMap(fork -> fork.getIterationResults().stream())
                        .mapToDouble(each -> 1e3 * each.getPrimaryResult().getScore())
                        .toArray(),
                result.getSecondaryResults().get("gc.alloc.rate.norm").getScore());
    }
}
