package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.train.ClassifierRuns;
import org.panoptim.cli.train.OptimizerChoice;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.ProgressDisplay;
import org.panoptim.cli.train.Report;
import org.panoptim.cli.train.Training;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.io.PrintStream;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** The classifier of handwritten digits. */
final class ClassifierTask implements TrainTask {

    static final String NAME = "classifier";

    /** The optimizers, unless others are named: PyTorch's own is the second. */
    static final List<String> OPTIMIZERS =
            List.of("adamw", "torch-adamw", "lion", "sophia-g", "sgd");

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
                        options.choices(optimizers, entry -> OptimizerChoice.of(entry, batch)),
                        options.epochs().orElse(EPOCHS),
                        batch,
                        options.seeds());
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
        var training = new Training(settings, backend, new ProgressDisplay(terminal, stop));
        training.rehearse();
        var outcomes = training.run();
        var run =
                RunRecord.of(
                        NAME,
                        began,
                        TrainResults.origin(command(backend), backend),
                        ofAll(),
                        ClassifierRuns.contenders(outcomes));
        var report = new Report(settings, run, earlier);
        var results =
                new TrainResults(
                        ClassifierRuns.results(report.contenders()),
                        settings.choices().stream().map(OptimizerChoice::name).toList());
        try {
            results.show(out);
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

    private LinkedHashMap<String, String> ofAll() {
        var map = new LinkedHashMap<String, String>();
        map.put("epochs", String.valueOf(settings.epochs()));
        map.put("batch", String.valueOf(settings.batch()));
        map.putAll(options.ofAll());
        return map;
    }

    private String command(Backend backend) {
        return "./panoptim train --optimizer "
                + OptimizerEntry.join(optimizers)
                + " --epochs "
                + settings.epochs()
                + " --batch "
                + settings.batch()
                + options.command()
                + " --backend "
                + backend.name();
    }
}
