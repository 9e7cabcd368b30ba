package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.train.Format;
import org.panoptim.cli.train.OptimizerChoice;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.Outcome;
import org.panoptim.cli.train.ProgressDisplay;
import org.panoptim.cli.train.Report;
import org.panoptim.cli.train.Training;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** The classifier of handwritten digits. */
final class ClassifierTask implements TrainTask {

    /** The optimizers, unless others are named. */
    static final List<String> OPTIMIZERS = List.of("adamw", "lion", "sophia-g", "sgd");

    private static final int EPOCHS = 20;
    private static final int BATCH = 32;

    private final TrainOptions options;
    private final List<OptimizerEntry> optimizers;
    private final Settings settings;

    /**
     * The task with these options.
     *
     * @throws InputException if an option does not fit
     */
    ClassifierTask(TrainOptions options) {
        TrainOptions.refuse(
                "--iterations",
                options.iterations(),
                "the classifier is trained by --epochs; --iterations belongs to --task"
                        + " autoencoder");
        this.options = options;
        this.optimizers = options.optimizersOr(OPTIMIZERS);
        int batch = options.batch().orElse(BATCH);
        this.settings =
                new Settings(
                        optimizers.stream().map(entry -> choice(entry, batch)).toList(),
                        options.epochs().orElse(EPOCHS),
                        batch,
                        options.seed());
    }

    private OptimizerChoice choice(OptimizerEntry entry, int batch) {
        var choice = TrainOptions.checked("--optimizer", () -> OptimizerChoice.of(entry, batch));
        return options.learningRate(entry)
                .map(rate -> TrainOptions.checked("--lr", () -> choice.atLearningRate(rate)))
                .orElse(choice);
    }

    @Override
    public void train(
            Backend backend,
            Optional<PrintStream> terminal,
            BooleanSupplier stop,
            Consumer<String> out,
            Path report)
            throws IOException {
        var outcomes = new Training(settings, backend, new ProgressDisplay(terminal, stop)).run();
        try {
            show(outcomes, out);
        } finally {
            // Whatever becomes of one, the other is not lost.
            new Report(
                            settings,
                            outcomes,
                            backend.name() + ": " + backend.description(),
                            Version.current(),
                            command(backend))
                    .write(report);
        }
    }

    private void show(List<Outcome> outcomes, Consumer<String> out) {
        var table = new Table("optimizer", "final loss", "test accuracy", "in steps", "total");
        for (var outcome : outcomes) {
            table.row(
                    Format.name(outcome),
                    Format.loss(outcome.last().loss()),
                    Format.percent(outcome.last().accuracy()),
                    Format.time(outcome.inOptimizer()),
                    Format.time(outcome.total()));
        }
        table.lines(Terminal.WIDTH).forEach(out);
        var notRun = settings.choices().subList(outcomes.size(), settings.choices().size());
        if (!notRun.isEmpty()) {
            out.accept(
                    "Stopped before "
                            + notRun.stream()
                                    .map(OptimizerChoice::name)
                                    .collect(Collectors.joining(", "))
                            + ".");
        }
    }

    private String command(Backend backend) {
        return "./panoptim train --optimizer "
                + OptimizerEntry.join(optimizers)
                + " --epochs "
                + settings.epochs()
                + " --batch "
                + settings.batch()
                + options.learningRate().map(rate -> " --lr " + rate).orElse("")
                + " --seed "
                + settings.seed()
                + " --backend "
                + backend.name();
    }
}
