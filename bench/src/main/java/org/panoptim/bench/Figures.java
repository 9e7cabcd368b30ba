package org.panoptim.bench;

import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Runs the benchmarks and prints what they come to, as the table in README. */
public final class Figures {

    private Figures() {}

    /**
     * Runs all benchmarks.
     *
     * @param arguments the file to write JMH's figures to, and then any of JMH's options
     */
    public static void main(String[] arguments) throws RunnerException, CommandLineOptionException {
        var jmh = new CommandLineOptions(Arrays.copyOfRange(arguments, 1, arguments.length));
        var options =
                new OptionsBuilder()
                        .parent(jmh)
                        .include("org\\.panoptim\\.bench\\..*")
                        .addProfiler(GCProfiler.class)
                        .jvmArgsAppend(
                                Stream.concat(
                                                Stream.of("--enable-native-access=ALL-UNNAMED"),
                                                Stream.of(
                                                                LimitLibrary.PROPERTY,
                                                                VirtualGpu.PROPERTY)
                                                        .filter(
                                                                name ->
                                                                        System.getProperty(name)
                                                                                != null)
                                                        .map(
                                                                name ->
                                                                        "-D"
                                                                                + name
                                                                                + "="
                                                                                + System
                                                                                        .getProperty(
                                                                                                name)))
                                        .toArray(String[]::new))
                        .resultFormat(ResultFormatType.JSON)
                        .result(arguments[0])
                        .build();
        print(new Runner(options).run());
    }

    private static void print(Collection<RunResult> results) {
        System.out.println();
        System.out.println("| benchmark | figure | median | from | to |");
        System.out.println("|---|---|---|---|---|");
        for (var result : results) {
            var benchmark = result.getParams().getBenchmark();
            var name =
                    benchmark.substring(
                                    benchmark.lastIndexOf('.', benchmark.lastIndexOf('.') - 1) + 1)
                            + ", "
                            + parameters(result.getParams());
            if (result.getSecondaryResults().containsKey("first")) {
                row(
                        name,
                        "first / second",
                        secondary(result, "first"),
                        secondary(result, "second"));
            }
            row(name, result.getPrimaryResult().getScoreUnit(), primary(result));
            row(name, "B/op", secondary(result, "gc.alloc.rate.norm"));
        }
    }

    private static String parameters(BenchmarkParams benchmark) {
        return benchmark.getParamsKeys().stream()
                .map(benchmark::getParam)
                .collect(Collectors.joining(", "));
    }

    private static void row(
            String name, String figure, double[] numerators, double[] denominators) {
        var ratios = new double[numerators.length];
        Arrays.setAll(ratios, i -> numerators[i] / denominators[i]);
        row(name, figure, ratios);
    }

    private static void row(String name, String figure, double[] values) {
        var sorted = Arrays.stream(values).sorted().toArray();
        if (sorted.length > 0) {
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %s | %.3f | %.3f | %.3f |%n",
                    name,
                    figure,
                    sorted[sorted.length / 2],
                    sorted[0],
                    sorted[sorted.length - 1]);
        }
    }

    private static double[] primary(RunResult result) {
        return iterations(result).mapToDouble(i -> i.getPrimaryResult().getScore()).toArray();
    }

    private static double[] secondary(RunResult result, String key) {
        return iterations(result)
                .filter(i -> i.getSecondaryResults().containsKey(key))
                .mapToDouble(i -> i.getSecondaryResults().get(key).getScore())
                .toArray();
    }

    private static Stream<IterationResult> iterations(RunResult result) {
        return result.getBenchmarkResults().stream()
                .flatMap(fork -> fork.getIterationResults().stream());
    }
}
