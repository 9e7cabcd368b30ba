package org.panoptim.cli;

import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.train.Interruption;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/** Trains a small net on real data with several optimizers. */
@Command(
        name = "train",
        description = {
            "Train a net on handwritten digits with several optimizers and compare them.",
            "",
            "The task 'classifier' classifies the digits in small batches. The task 'autoencoder'"
                    + " squeezes them through eight numbers, all images in every iteration; it is"
                    + " there for K-FAC.",
            "",
            "Ctrl-C ends the training after the present step; the table and the report then show"
                    + " what has run.",
            ""
        },
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {

    private static final String CLASSIFIER = "classifier";
    private static final String AUTOENCODER = "autoencoder";

    private CommandSpec spec = CommandSpec.create();

    @Mixin private BackendOption backend = new BackendOption();

    @Option(
            names = "--task",
            paramLabel = "TASK",
            description = "classifier or autoencoder (classifier).")
    private String task = CLASSIFIER;

    @Option(
            names = "--optimizer",
            split = ",",
            paramLabel = "ENTRY",
            description = "The optimizers, in order; see below.")
    private List<String> optimizers = List.of();

    @Option(
            names = "--epochs",
            paramLabel = "COUNT",
            description = "Classifier: how often each optimizer sees all images (20).")
    private Optional<Integer> epochs = Optional.empty();

    @Option(
            names = "--batch",
            paramLabel = "COUNT",
            description = "Classifier: images a step (32).")
    private Optional<Integer> batch = Optional.empty();

    @Option(
            names = "--iterations",
            paramLabel = "COUNT",
            description = "Autoencoder: steps of every optimizer (kfac 300, the others 1000).")
    private Optional<Integer> iterations = Optional.empty();

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            description =
                    "The learning rate of every optimizer that has none of its own; one that suits"
                            + " it if left out.")
    private Optional<Double> learningRate = Optional.empty();

    @Option(
            names = "--seed",
            paramLabel = "NUMBER",
            description =
                    "Weights, batches and samples follow from it, alike for every optimizer"
                            + " (${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(
            names = "--out",
            paramLabel = "REPORT.html",
            description = "Where to write the report (${DEFAULT-VALUE}).")
    private Path report = Path.of("reports", "train.html");

    /** Adds to the help what is known of the optimizers. */
    @Spec
    void describe(CommandSpec command) {
        spec = command;
        command.usageMessage().footer(TrainHelp.lines());
    }

    @Override
    public Integer call() throws IOException {
        var chosenTask = task();
        Outputs.prepare("--out", report);
        try (var interruption = Interruption.watch();
                var chosen = backend.openForHostMemory()) {
            var out = spec.commandLine().getOut();
            chosenTask.train(
                    chosen, Terminal.find(), interruption::isRequested, out::println, report);
            out.println();
            out.println("Report: " + report);
            out.flush();
        }
        return 0;
    }

    private TrainTask task() {
        var options = new TrainOptions(optimizers, epochs, batch, iterations, learningRate, seed);
        return switch (task) {
            case CLASSIFIER -> new ClassifierTask(options);
            case AUTOENCODER -> new AutoencoderTask(options, backend.isGiven());
            default ->
                    throw new InputException(
                            "--task: there is no task '%s'; there are %s and %s"
                                    .formatted(task, CLASSIFIER, AUTOENCODER));
        };
    }
}
