package org.panoptim.cli;

import org.panoptim.cli.bench.BenchProgram;
import org.panoptim.cli.terminal.Terminal;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Measures this machine. */
@Command(
        name = "bench",
        description = {
            "Measure steps on this machine, compared with its limit (a plain C loop over the same"
                    + " arrays) and with other libraries' optimizers.",
            "",
            "Takes half an hour, or two minutes with --quick; leave the machine alone meanwhile."
                    + " Prints a table and writes a report.",
            ""
        },
        mixinStandardHelpOptions = true)
final class BenchCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = "--quick", description = "Less of all, within two minutes.")
    private boolean quick;

    @Option(
            names = "--workload",
            split = ",",
            paramLabel = "NAME",
            description = {
                "What to step: flat, gpt2-small, resnet-50, bert-base, small (2000 tensors of 64),"
                        + " groups (16 groups of mixed sizes);",
                "also small-10000, squares-128 (32 matrices of 128 by 128), tiny, few, large,"
                        + " tensors-COUNT, elements-COUNT."
            })
    private List<String> workloads = List.of();

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description =
                    "Measure this one (simd); cuda-ffm and cuda-jcuda compared with a copy within"
                            + " the GPU's memory.")
    private Optional<String> backend = Optional.empty();

    @Option(
            names = "--only",
            split = ",",
            paramLabel = "PART",
            description =
                    "Measure some parts: limit, peers, types, statistics, scaling, start-up,"
                            + " memory, launch, kfac, team; on a GPU also kernels, each by itself"
                            + " (all).")
    private List<String> parts = List.of();

    @Option(
            names = "--rule",
            split = ",",
            paramLabel = "NAME",
            description = "Of which rules kernels are measured by themselves (adamw).")
    private List<String> rules = List.of();

    @Option(
            names = "--compare",
            paramLabel = "OLD.json",
            description =
                    "Say what became slower or faster since, beyond the spread; exit status 1 on a"
                            + " loss of more than 5 %%.")
    private Optional<Path> compare = Optional.empty();

    @Option(
            names = "--out",
            paramLabel = "REPORT.html",
            description = "Where to write the report (${DEFAULT-VALUE}).")
    private Path report = Path.of("reports", "bench.html");

    @Option(
            names = "--json",
            paramLabel = "RESULTS.json",
            description = "Where to write the figures (${DEFAULT-VALUE}).")
    private Path json = Path.of("reports", "bench.json");

    @Override
    public Integer call() throws IOException {
        var program =
                ServiceLoader.load(BenchProgram.class)
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new InputException(
                                                "bench: the benchmarks are not on the class path;"
                                                        + " ./panoptim in the source tree builds"
                                                        + " and starts them"));
        Outputs.prepare("--out", report);
        Outputs.prepare("--json", json);
        var options =
                new BenchProgram.Options(
                        quick,
                        workloads,
                        rules,
                        backend,
                        parts,
                        compare,
                        report,
                        json,
                        commandLine(spec.root().commandLine().getParseResult().originalArgs()));
        var out = spec.commandLine().getOut();
        int status = program.run(options, out, Terminal.find());
        out.flush();
        return status;
    }

    /** The command line with these arguments, as a shell takes it. */
    static String commandLine(List<String> arguments) {
        return Stream.concat(Stream.of("./panoptim"), arguments.stream())
                .map(BenchCommand::quoted)
                .collect(Collectors.joining(" "));
    }

    private static String quoted(String argument) {
        return argument.matches("[\\p{Alnum}_./:,=@+-]+")
                ? argument
                : "'" + argument.replace("'", "'\\''") + "'";
    }
}
