package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.TrainOptions.Common;
import org.panoptim.cli.process.MemberProcesses;
import org.panoptim.cli.process.NativeOutput;
import org.panoptim.cli.process.ParentWatch;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Interruption;
import org.panoptim.cli.train.OptimizerEntry;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.distributed.Cluster;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
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
                    + " what has run. If an optimizer diverges, the exit status is 1.",
            ""
        },
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {

    private static final Path RUNS = Path.of("reports");

    private CommandSpec spec = CommandSpec.create();

    @Mixin private BackendOption backend = new BackendOption();

    @Mixin private TeamOptions team = new TeamOptions();

    @Option(
            names = "--task",
            paramLabel = "TASK",
            description = "classifier or autoencoder (classifier).")
    private String task = ClassifierTask.NAME;

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
            names = "--weight-decay",
            paramLabel = "DECAY",
            description = "The weight decay of every optimizer that has one and gives none.")
    private Optional<Double> weightDecay = Optional.empty();

    @Option(
            names = "--momentum",
            paramLabel = "MOMENTUM",
            description = "The momentum of every optimizer that has one and gives none.")
    private Optional<Double> momentum = Optional.empty();

    @Option(
            names = "--clip",
            paramLabel = "NORM",
            description = "The largest norm of all gradients together, for every optimizer.")
    private Optional<Double> clip = Optional.empty();

    @Option(
            names = "--schedule",
            paramLabel = "SCHEDULE",
            description = "How all learning rates change over the training; see below.")
    private Optional<String> schedule = Optional.empty();

    @Option(
            names = "--seed",
            split = ",",
            paramLabel = "NUMBER",
            description =
                    "Weights, batches and samples follow from it, alike for every optimizer (1)."
                            + " Of several the means are shown, and how far they spread.")
    private List<Long> seeds = List.of(1L);

    @Option(
            names = "--compare",
            split = ",",
            paramLabel = "FOLDER",
            description = "Folders of earlier runs of the task, to show with this one.")
    private List<Path> compared = List.of();

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            description =
                    "Where to keep the report and the numbers: a new or empty folder"
                            + " (reports/DATE-TIME-TASK).")
    private Optional<Path> out = Optional.empty();

    /** Adds to the help what is known of the optimizers. */
    @Spec
    void describe(CommandSpec command) {
        spec = command;
        command.usageMessage().footer(TrainHelp.lines());
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        team.check();
        if (team.isMember()) {
            return trainAsMember();
        }
        if (team.isGiven()) {
            return startTeam();
        }
        var chosenTask = task(Optional.empty());
        var earlier = earlier(chosenTask);
        var folder = folder(chosenTask);
        try (var interruption = Interruption.watch();
                var chosen = backend.openForHostMemory()) {
            var printed = spec.commandLine().getOut();
            var training =
                    chosenTask.training(
                            chosen,
                            new TerminalBar(Terminal.find()),
                            interruption::isRequested,
                            Optional.empty());
            training.run();
            boolean good = training.keep(printed::println, folder, earlier);
            tellOf(chosen, folder, printed);
            return good ? 0 : Failures.CHECK_FAILED;
        } finally {
            folder.removeIfEmpty();
        }
    }

    /** Prints what a run computed on, and where it is kept. */
    static void tellOf(Backend chosen, RunFolder folder, PrintWriter printed) {
        printed.println();
        printed.println("Backend: " + chosen.name() + ": " + chosen.description());
        printed.println("Report: " + folder.page());
        printed.flush();
    }

    /**
     * Starts the processes of a team, once everything is known to fit that one process can tell.
     */
    private int startTeam() throws IOException, InterruptedException {
        var choice = team.ofProcesses();
        var chosenTask = task(Optional.of(choice));
        earlier(chosenTask);
        if (backend.isGiven()) {
            backend.open().close();
        }
        var folder = folder(chosenTask);
        var own = spec.root().commandLine().getParseResult().originalArgs();
        var arguments = TeamOptions.ofMember(own, spec.name(), folder.path());
        var line = spec.commandLine();
        if (Terminal.find().isPresent()) {
            // Some seconds pass before the first of them has something to show.
            line.getErr()
                    .printf(
                            "Starting %d process%s ...%n",
                            choice.members(), choice.members() == 1 ? "" : "es");
        }
        try (var interruption = Interruption.watch();
                var members =
                        MemberProcesses.start(
                                Main.class,
                                arguments,
                                choice.members(),
                                line.getOut()::println,
                                line.getErr()::println)) {
            return members.await(interruption::isRequested);
        } finally {
            folder.removeIfEmpty();
        }
    }

    /** Whether another process of this program started this one, and tells what becomes of it. */
    boolean isHeld() {
        return team.isHeld();
    }

    /** Trains as one of several processes. */
    private int trainAsMember() throws IOException {
        if (team.isHeld()) {
            ParentWatch.start();
        }
        var membership = TeamOptions.membership();
        var choice = team.of(membership);
        var chosenTask = task(Optional.of(choice));
        try (var cluster = NativeOutput.discarding(() -> Cluster.join(membership))) {
            try {
                var training =
                        new MemberTraining(
                                chosenTask, new TeamMember(cluster, choice.leaves()), backend);
                if (membership.rank() == 0) {
                    return lead(training, chosenTask);
                }
                training.follow();
                return 0;
            } catch (IOException | RuntimeException | Error e) {
                cluster.abort(Objects.requireNonNullElse(e.getMessage(), e.toString()));
                throw e;
            }
        }
    }

    private int lead(MemberTraining training, TrainTask chosenTask) throws IOException {
        var earlier = earlier(chosenTask);
        var folder = folder(chosenTask);
        try {
            return training.lead(spec.commandLine().getOut(), folder, earlier)
                    ? 0
                    : Failures.CHECK_FAILED;
        } finally {
            folder.removeIfEmpty();
        }
    }

    private RunFolder folder(TrainTask chosen) throws IOException {
        try {
            return out.isPresent()
                    ? RunFolder.at(out.get())
                    : RunFolder.among(RUNS, chosen.name(), LocalDateTime.now());
        } catch (FileSystemException e) {
            throw new InputException("--out " + Failures.describe(e), e);
        }
    }

    private List<RunRecord> earlier(TrainTask chosen) throws IOException {
        var runs = new LinkedHashMap<Path, RunRecord>();
        for (var each : compared) {
            var run = read(each);
            if (!run.task().equals(chosen.name())) {
                throw new InputException(
                        "--compare: %s: is a run of the task %s, and this is %s"
                                .formatted(each, run.task(), chosen.name()));
            }
            if (runs.put(each.toRealPath(), run) != null) {
                throw new InputException("--compare: " + each + ": came before");
            }
        }
        return runs.entrySet().stream()
                .map(entry -> entry.getValue().labelled(label(entry.getKey(), runs.keySet())))
                .toList();
    }

    /** The name of a folder, or all of its path where several have the name. */
    private static String label(Path folder, Set<Path> all) {
        long namesakes = all.stream().filter(each -> each.endsWith(name(folder))).count();
        return namesakes == 1 ? name(folder).toString() : folder.toString();
    }

    private static Path name(Path folder) {
        var name = folder.getFileName();
        return name == null ? folder : name;
    }

    private static RunRecord read(Path folder) throws IOException {
        try {
            return RunFolder.read(folder);
        } catch (IllegalArgumentException e) {
            throw new InputException("--compare: " + e.getMessage(), e);
        }
    }

    private TrainOptions options() {
        return new TrainOptions(
                optimizers,
                epochs,
                batch,
                iterations,
                List.of(
                        new Common("--lr", OptimizerEntry.RATE, learningRate),
                        new Common("--weight-decay", "weight_decay", weightDecay),
                        new Common("--momentum", "momentum", momentum),
                        new Common("--clip", "clip_norm", clip)),
                schedule,
                seeds);
    }

    private TrainTask task(Optional<TeamChoice> shared) {
        return switch (task) {
            case ClassifierTask.NAME -> new ClassifierTask(options(), shared);
            case AutoencoderTask.NAME -> new AutoencoderTask(options(), backend.isGiven(), shared);
            default ->
                    throw new InputException(
                            "--task: there is no task '%s'; there are %s and %s"
                                    .formatted(task, ClassifierTask.NAME, AutoencoderTask.NAME));
        };
    }
}
