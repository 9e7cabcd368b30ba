package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.autoencoder.AutoencoderChoice;
import org.panoptim.cli.train.autoencoder.AutoencoderReport;
import org.panoptim.cli.train.autoencoder.AutoencoderRuns;
import org.panoptim.cli.train.autoencoder.AutoencoderTraining;
import org.panoptim.cli.train.autoencoder.Crossover;
import org.panoptim.cli.train.autoencoder.LossCurve;

import java.io.IOException;
import java.io.PrintStream;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The autoencoder of handwritten digits. */
final class AutoencoderTask implements TrainTask {

    static final String NAME = "autoencoder";

    /** The optimizers, unless others are named: PyTorch's own is the third. */
    static final List<String> OPTIMIZERS = List.of("kfac", "adam", "torch-adam", "sgd");

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
        this.choices = options.choices(optimizers, this::choice);
    }

    private AutoencoderChoice choice(OptimizerEntry entry) {
        var chosen = AutoencoderChoice.of(entry);
        return options.iterations().map(chosen::withIterations).orElse(chosen);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean train(
            Backend backend,
            Optional<PrintStream> terminal,
            BooleanSupplier stop,
            Consumer<String> out,
            RunFolder folder,
            List<RunRecord> earlier)
            throws IOException {
        var began = LocalDateTime.now();
        try (var reference = Backend.named("reference")) {
            var training =
                    new AutoencoderTraining(
                            choices,
                            options.seeds(),
                            backend,
                            backendIsGiven ? Optional.empty() : Optional.of(reference),
                            new TerminalBar(terminal),
                            stop);
            training.rehearse();
            var curves = training.run();
            var run =
                    RunRecord.of(
                            NAME,
                            began,
                            TrainResults.origin(command(backend), backend),
                            options.ofAll(),
                            AutoencoderRuns.contenders(curves));
            var remarks = remarks(LossCurve.means(curves), training.notes());
            var report =
                    new AutoencoderReport(
                            options.seeds(),
                            (long) choices.size() * options.seeds().size(),
                            run,
                            earlier,
                            remarks);
            var results =
                    new TrainResults(
                            AutoencoderRuns.results(report.contenders()),
                            choices.stream().map(AutoencoderChoice::name).toList());
            try {
                results.show(out);
                if (!remarks.isEmpty()) {
                    out.accept("");
                    remarks.forEach(
                            remark -> Paragraph.ofWords("", remark, Terminal.WIDTH).forEach(out));
                }
            } finally {
                // Whatever becomes of one, the others are not lost.
                try {
                    folder.write(run);
                } finally {
                    report.write(folder.page());
                }
            }
            return results.areGood();
        }
    }

    private static List<String> remarks(List<LossCurve> curves, List<String> notes) {
        return Stream.of(
                        Crossover.all(curves).stream().map(Crossover::sentence),
                        curves.stream()
                                .map(LossCurve::remark)
                                .filter(remark -> !remark.isEmpty())
                                .map(remark -> remark + "."),
                        notes.stream().map(note -> note + "."))
                .flatMap(lines -> lines)
                .toList();
    }

    private String command(Backend backend) {
        return "./panoptim train --task autoencoder --optimizer "
                + OptimizerEntry.join(optimizers)
                + options.iterations().map(count -> " --iterations " + count).orElse("")
                + options.command()
                + (backendIsGiven ? " --backend " + backend.name() : "");
    }
}
