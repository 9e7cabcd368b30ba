package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Format;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.autoencoder.AutoencoderChoice;
import org.panoptim.cli.train.autoencoder.AutoencoderReport;
import org.panoptim.cli.train.autoencoder.AutoencoderTraining;
import org.panoptim.cli.train.autoencoder.Crossover;
import org.panoptim.cli.train.autoencoder.LossCurve;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** The autoencoder of handwritten digits. */
final class AutoencoderTask implements TrainTask {

    /** The optimizers, unless others are named. */
    static final List<String> OPTIMIZERS = List.of("kfac", "adam", "sgd");

    private final TrainOptions options;
    private final boolean backendIsGiven;
    private final List<OptimizerEntry> optimizers;
    private final List<AutoencoderChoice> choices;

    /**
     * The task with these options.
     *
     * @param backendIsGiven whether nothing may be computed on another backend
     * @throws InputException if an option does not fit
     */
    AutoencoderTask(TrainOptions options, boolean backendIsGiven) {
        var reason =
                "the autoencoder sees all images in every step, and is trained by --iterations";
        TrainOptions.refuse("--epochs", options.epochs(), reason);
        TrainOptions.refuse("--batch", options.batch(), reason);
        this.options = options;
        this.backendIsGiven = backendIsGiven;
        this.optimizers = options.optimizersOr(OPTIMIZERS);
        this.choices = optimizers.stream().map(this::choice).toList();
    }

    private AutoencoderChoice choice(OptimizerEntry entry) {
        var chosen = TrainOptions.checked("--optimizer", () -> AutoencoderChoice.of(entry));
        var choice = options.iterations().map(chosen::withIterations).orElse(chosen);
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
        try (var reference = Backend.named("reference")) {
            var training =
                    new AutoencoderTraining(
                            choices,
                            options.seed(),
                            backend,
                            backendIsGiven ? Optional.empty() : Optional.of(reference),
                            new TerminalBar(terminal),
                            stop);
            var curves = training.run();
            try {
                show(curves, training.notes(), out);
            } finally {
                // Whatever becomes of one, the other is not lost.
                new AutoencoderReport(
                                choices,
                                options.seed(),
                                curves,
                                training.notes(),
                                backend.name() + ": " + backend.description(),
                                Version.current(),
                                command(backend))
                        .write(report);
            }
        }
    }

    private void show(List<LossCurve> curves, List<String> notes, Consumer<String> out) {
        var table = new Table("optimizer", "iterations", "loss", "squared error", "seconds");
        for (var curve : curves) {
            var last = curve.last();
            table.row(
                    curve.title(),
                    String.valueOf(last.iteration()),
                    Format.loss(last.loss()),
                    Format.loss(last.squaredError()),
                    LossCurve.seconds(last.seconds()));
        }
        table.lines(Terminal.WIDTH).forEach(out);
        var notRun = choices.subList(curves.size(), choices.size());
        if (!notRun.isEmpty()) {
            out.accept(
                    "Stopped before "
                            + notRun.stream()
                                    .map(AutoencoderChoice::name)
                                    .collect(Collectors.joining(", "))
                            + ".");
        }
        out.accept("");
        Crossover.all(curves).forEach(crossover -> out.accept(crossover.sentence()));
        curves.stream()
                .map(LossCurve::remark)
                .filter(remark -> !remark.isEmpty())
                .forEach(remark -> out.accept(remark + "."));
        notes.forEach(note -> out.accept(note + "."));
    }

    private String command(Backend backend) {
        return "./panoptim train --task autoencoder --optimizer "
                + OptimizerEntry.join(optimizers)
                + options.iterations().map(count -> " --iterations " + count).orElse("")
                + options.learningRate().map(rate -> " --lr " + rate).orElse("")
                + " --seed "
                + options.seed()
                + (backendIsGiven ? " --backend " + backend.name() : "");
    }
}
