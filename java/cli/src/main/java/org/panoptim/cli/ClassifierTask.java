package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.ClassifierRuns;
import org.panoptim.cli.train.OptimizerChoice;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.Outcome;
import org.panoptim.cli.train.ProgressDisplay;
import org.panoptim.cli.train.Report;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.cli.train.Training;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** The classifier of handwritten digits. */
final class ClassifierTask implements TrainTask {

    static final String NAME = "classifier";

    /** The optimizers, unless others are named: PyTorch's own is the second. */
    static final List<String> OPTIMIZERS =
            List.of("adamw", "torch-adamw", "lion", "sophia-g", "sgd");

    /** The optimizers of a team: those of the above that it can take. */
    static final List<String> TEAM_OPTIMIZERS = List.of("adamw", "lion", "sophia-g", "sgd");

    private static final int EPOCHS = 20;
    private static final int BATCH = 32;

    private final TrainOptions options;
    private final Optional<TeamChoice> team;
    private final List<OptimizerEntry> optimizers;
    private final Settings settings;

    /**
     * The task with these options.
     *
     * @param team that trains together, if there is one
     * @throws InputException if an option does not fit
     */
    ClassifierTask(TrainOptions options, Optional<TeamChoice> team) {
        TrainOptions.refuse(
                "--iterations",
                options.iterations(),
                "the classifier is trained by --epochs; --iterations belongs to --task"
                        + " autoencoder");
        this.options = options;
        this.team = team;
        this.optimizers = options.optimizersOr(team.isPresent() ? TEAM_OPTIMIZERS : OPTIMIZERS);
        int batch = options.batch().orElse(BATCH);
        this.settings =
                new Settings(
                        options.choices(optimizers, entry -> OptimizerChoice.of(entry, batch)),
                        options.epochs().orElse(EPOCHS),
                        batch,
                        options.seeds());
        team.ifPresent(each -> each.check(settings.choices(), batch));
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String settings() {
        return "%d epochs, batches of %d, %s"
                .formatted(settings.epochs(), settings.batch(), options.common(NAME, optimizers));
    }

    @Override
    public TaskTraining training(
            Backend backend, TerminalBar bar, BooleanSupplier stop, Optional<TeamMember> member) {
        var training = new Training(settings, backend, new ProgressDisplay(bar, stop), member);
        return new ClassifierTraining(training, backend);
    }

    private final class ClassifierTraining implements TaskTraining {

        private final LocalDateTime began = LocalDateTime.now();
        private final Training training;
        private final Backend backend;
        private List<Outcome> outcomes = List.of();

        ClassifierTraining(Training training, Backend backend) {
            this.training = training;
            this.backend = backend;
        }

        @Override
        public void run() {
            training.rehearse();
            outcomes = training.run();
        }

        @Override
        public SequencedMap<String, String> digests() {
            return training.digests();
        }

        @Override
        public boolean keep(Consumer<String> out, RunFolder folder, List<RunRecord> earlier)
                throws IOException {
            var run =
                    RunRecord.of(
                            NAME,
                            began,
                            TrainResults.origin(command(backend), backend),
                            ofAll(),
                            ClassifierRuns.contenders(outcomes));
            var report = new Report(settings, team.map(TeamChoice::words), run, earlier);
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
    }

    private LinkedHashMap<String, String> ofAll() {
        var map = new LinkedHashMap<String, String>();
        map.put("epochs", String.valueOf(settings.epochs()));
        map.put("batch", String.valueOf(settings.batch()));
        map.putAll(options.ofAll());
        team.ifPresent(each -> map.putAll(each.ofAll()));
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
                + backend.name()
                + team.map(TeamChoice::command).orElse("");
    }
}
