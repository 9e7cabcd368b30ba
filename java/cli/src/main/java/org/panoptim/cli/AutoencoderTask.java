package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Digits;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.cli.train.autoencoder.AutoencoderChoice;
import org.panoptim.cli.train.autoencoder.AutoencoderReport;
import org.panoptim.cli.train.autoencoder.AutoencoderRuns;
import org.panoptim.cli.train.autoencoder.AutoencoderTraining;
import org.panoptim.cli.train.autoencoder.Crossover;
import org.panoptim.cli.train.autoencoder.LossCurve;

import java.io.IOException;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The autoencoder of handwritten digits. */
final class AutoencoderTask implements TrainTask {

    static final String NAME = "autoencoder";

    /** The optimizers, unless others are named: PyTorch's own is the third. */
    static final List<String> OPTIMIZERS = List.of("kfac", "adam", "torch-adam", "sgd");

    /** The optimizers of a team: those of the above that it can take. */
    static final List<String> TEAM_OPTIMIZERS = List.of("kfac", "adam", "sgd");

    private final TrainOptions options;
    private final boolean backendIsGiven;
    private final Optional<TeamChoice> team;
    private final List<OptimizerEntry> optimizers;
    private final List<AutoencoderChoice> choices;

    /**
     * The task with these options.
     *
     * @param backendIsGiven whether nothing may be computed on another backend
     * @param team that trains together, if there is one
     * @throws InputException if an option does not fit
     */
    AutoencoderTask(TrainOptions options, boolean backendIsGiven, Optional<TeamChoice> team) {
        var reason =
                "the autoencoder sees all images in every step, and is trained by --iterations";
        TrainOptions.refuse("--epochs", options.epochs(), reason);
        TrainOptions.refuse("--batch", options.batch(), reason);
        this.options = options;
        this.backendIsGiven = backendIsGiven;
        this.team = team;
        this.optimizers = options.optimizersOr(team.isPresent() ? TEAM_OPTIMIZERS : OPTIMIZERS);
        this.choices = options.choices(optimizers, this::choice);
        team.ifPresent(each -> each.check(choices, Digits.all().count()));
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
    public String settings() {
        return "iterations %s, %s"
                .formatted(options.iterations(), options.common(NAME, optimizers));
    }

    @Override
    public TaskTraining training(
            Backend backend, TerminalBar bar, BooleanSupplier stop, Optional<TeamMember> member) {
        return new CurveTraining(backend, bar, stop, member);
    }

    private final class CurveTraining implements TaskTraining {

        private final LocalDateTime began = LocalDateTime.now();
        private final Backend backend;
        private final TerminalBar bar;
        private final BooleanSupplier stop;
        private final Optional<TeamMember> member;
        private List<LossCurve> curves = List.of();
        private List<String> notes = List.of();
        private SequencedMap<String, String> digests = Collections.emptySortedMap();

        CurveTraining(
                Backend backend,
                TerminalBar bar,
                BooleanSupplier stop,
                Optional<TeamMember> member) {
            this.backend = backend;
            this.bar = bar;
            this.stop = stop;
            this.member = member;
        }

        @Override
        public void run() {
            try (var reference = Backend.named("reference")) {
                var training =
                        new AutoencoderTraining(
                                choices,
                                options.seeds(),
                                backend,
                                backendIsGiven ? Optional.empty() : Optional.of(reference),
                                bar,
                                stop,
                                member);
                training.rehearse();
                curves = training.run();
                notes = training.notes();
                digests = training.digests();
            }
        }

        @Override
        public SequencedMap<String, String> digests() {
            return digests;
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
                            AutoencoderRuns.contenders(curves));
            var remarks = remarks(LossCurve.means(curves), notes);
            var report =
                    new AutoencoderReport(
                            options.seeds(),
                            (long) choices.size() * options.seeds().size(),
                            team.map(TeamChoice::words),
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

    private SequencedMap<String, String> ofAll() {
        var map = options.ofAll();
        team.ifPresent(each -> map.putAll(each.ofAll()));
        return map;
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
                + (backendIsGiven ? " --backend " + backend.name() : "")
                + team.map(TeamChoice::command).orElse("");
    }
}
