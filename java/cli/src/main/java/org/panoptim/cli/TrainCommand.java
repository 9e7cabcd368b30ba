package org.panoptim.cli;

import org.panoptim.Backend;
import org.panoptim.cli.train.Contender;
import org.panoptim.cli.train.Interruption;
import org.panoptim.cli.train.Outcome;
import org.panoptim.cli.train.ProgressDisplay;
import org.panoptim.cli.train.Report;
import org.panoptim.cli.train.Settings;
import org.panoptim.cli.train.Training;
import org.panoptim.cli.train.Wording;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** Trains a small net on real data with several optimizers. */
@Command(
        name = "train",
        description = {
            "Train a classifier of handwritten digits with several optimizers and compare them.",
            "",
            "Ctrl-C ends the training after the present step; the table and the report then show"
                    + " what has run.",
            ""
        },
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Mixin private BackendOption backend = new BackendOption();

    @Option(
            names = "--optimizer",
            split = ",",
            paramLabel = "NAME",
            description =
                    "The optimizers, in order: sgd, adam, adamw, lion, sophia-g, sophia-h, or"
                            + " PyTorch's own torch-adamw.")
    private List<String> optimizers = List.of("adamw", "lion", "sophia-g", "sgd");

    @Option(
            names = "--epochs",
            paramLabel = "COUNT",
            description = "How often each optimizer sees all images (${DEFAULT-VALUE}).")
    private int epochs = 20;

    @Option(
            names = "--batch",
            paramLabel = "COUNT",
            description = "Images a step (${DEFAULT-VALUE}).")
    private int batch = 32;

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            description = "The learning rate of every optimizer; one that suits it if left out.")
    private Optional<Double> learningRate = Optional.empty();

    @Option(
            names = "--seed",
            paramLabel = "NUMBER",
            description =
                    "Weights and batches follow from it, alike for every optimizer"
                            + " (${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(
            names = "--out",
            paramLabel = "REPORT.html",
            description = "Where to write the report (${DEFAULT-VALUE}).")
    private Path report = Path.of("reports", "train.html");

    @Override
    public Integer call() throws IOException {
        var settings = settings();
        checkReport();
        // The charts need no screen, and must not look for one.
        System.setProperty("java.awt.headless", "true");
        try (var interruption = Interruption.watch();
                var chosen = backend.openForHostMemory()) {
            var display = new ProgressDisplay(terminal(), interruption::isRequested);
            var outcomes = new Training(settings, chosen, display).run();
            show(settings, outcomes);
            writeReport(settings, outcomes, chosen);
        }
        return 0;
    }

    /** Finds out before the training whether its report can be written. */
    private void checkReport() throws IOException {
        if (Files.isDirectory(report)) {
            throw new InputException("--out " + report + ": is a folder");
        }
        Files.createDirectories(report.toAbsolutePath().normalize().getParent());
    }

    private Settings settings() {
        requirePositive("--epochs", epochs);
        requirePositive("--batch", batch);
        if (new HashSet<>(optimizers).size() < optimizers.size()) {
            throw new InputException("--optimizer: each may be named once, but came " + optimizers);
        }
        return new Settings(optimizers.stream().map(this::contender).toList(), epochs, batch, seed);
    }

    private static void requirePositive(String option, int value) {
        if (value < 1) {
            throw new InputException(option + ": must be at least 1, but is " + value);
        }
    }

    private Contender contender(String name) {
        Contender contender;
        try {
            contender = Contender.named(name, batch);
        } catch (IllegalArgumentException e) {
            throw new InputException("--optimizer: " + e.getMessage(), e);
        }
        try {
            return learningRate.map(contender::atLearningRate).orElse(contender);
        } catch (IllegalArgumentException e) {
            throw new InputException("--lr: " + e.getMessage(), e);
        }
    }

    private static Optional<PrintStream> terminal() {
        var console = System.console();
        return console != null && console.isTerminal() ? Optional.of(System.err) : Optional.empty();
    }

    private void show(Settings settings, List<Outcome> outcomes) {
        var out = spec.commandLine().getOut();
        var table =
                new Table("optimizer", "final loss", "test accuracy", "in the optimizer", "in all");
        for (var outcome : outcomes) {
            table.row(
                    Wording.name(outcome),
                    Wording.loss(outcome.last().loss()),
                    Wording.percent(outcome.last().accuracy()),
                    Wording.time(outcome.inOptimizer()),
                    Wording.time(outcome.inAll()));
        }
        table.lines().forEach(out::println);
        var notRun = settings.contenders().subList(outcomes.size(), settings.contenders().size());
        if (!notRun.isEmpty()) {
            out.println(
                    "Stopped before "
                            + notRun.stream().map(Contender::name).collect(Collectors.joining(", "))
                            + ".");
        }
        out.flush();
    }

    private void writeReport(Settings settings, List<Outcome> outcomes, Backend chosen)
            throws IOException {
        new Report(
                        settings,
                        outcomes,
                        chosen.name() + ": " + chosen.description(),
                        Version.current(),
                        command(chosen))
                .write(report);
        var out = spec.commandLine().getOut();
        out.println();
        out.println("Report: " + report);
        out.flush();
    }

    private String command(Backend chosen) {
        return "./panoptim train --optimizer "
                + String.join(",", optimizers)
                + " --epochs "
                + epochs
                + " --batch "
                + batch
                + learningRate.map(rate -> " --lr " + rate).orElse("")
                + " --seed "
                + seed
                + " --backend "
                + chosen.name();
    }
}
