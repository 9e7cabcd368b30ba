package org.panoptim.cli.train;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.backend.Backend;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.Classifier.Batch;
import org.panoptim.cli.train.TeamMember.Leaf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.LongStream;

/**
 * Trains the classifier once for each optimizer and seed, all from the same weights of a seed and
 * on the same batches.
 */
public final class Training {

    private static final int REHEARSALS = 3;

    /** Steps and time that a rehearsal has at most. */
    private static final int REHEARSED_STEPS = 500;

    private static final long REHEARSED_NANOS = 250_000_000;

    private final Settings settings;
    private final Backend backend;
    private final Progress progress;
    private final Optional<TeamMember> member;
    private final ParameterDigests digests = new ParameterDigests();
    private final Digits digits = Digits.load();

    /**
     * A training that has not begun.
     *
     * @param backend where Panoptim's optimizers compute; stays the caller's
     */
    public Training(Settings settings, Backend backend, Progress progress) {
        this(settings, backend, progress, Optional.empty());
    }

    /**
     * As above.
     *
     * @param member whose team takes all steps together, if there is one; each member has a
     *     training with the same settings
     */
    public Training(
            Settings settings, Backend backend, Progress progress, Optional<TeamMember> member) {
        this.settings = settings;
        this.backend = backend;
        this.progress = progress;
        this.member = member;
        // The net is so small that several threads would spend their time waiting for each other.
        torch.set_num_threads(1);
    }

    /**
     * Takes a few steps with each, in turn, and forgets them: all are as warm then when the first
     * one is timed. What {@link #run} gives is the same but for times.
     */
    public void rehearse() {
        for (int round = 0; round < REHEARSALS; round++) {
            for (var choice : settings.choices()) {
                try (var _ = new PointerScope()) {
                    new Session(choice, settings.seeds().getFirst()).rehearse();
                }
            }
        }
    }

    /** Trains with one optimizer after the other, until all are done or a stop is requested. */
    public List<Outcome> run() {
        var outcomes = new ArrayList<Outcome>();
        for (var choice : settings.choices()) {
            for (long seed : settings.seeds()) {
                if (stopRequested()) {
                    digests.remove(choice.name());
                    return outcomes;
                }
                try (var _ = new PointerScope()) {
                    outcomes.add(new Session(choice, seed).run());
                }
            }
        }
        return outcomes;
    }

    /**
     * SHA-256 of the final parameters by optimizer, where a team trains: of their bytes in
     * registration order, and of several seeds' one after the other. None of an optimizer that was
     * stopped. Asked once.
     */
    public SequencedMap<String, String> digests() {
        return digests.all();
    }

    private boolean stopRequested() {
        return any(progress.stopRequested());
    }

    /** Whether something is so here, or for any member of the team. */
    private boolean any(boolean here) {
        return member.map(each -> each.any(here)).orElse(here);
    }

    private Stepper stepper(OptimizerChoice choice, Classifier net, long steps) {
        return choice.ofEngine()
                ? new Stepper.Engine(net, choice.setup(), steps)
                : new Stepper.Fused(
                        net, choice.setup(), steps, MovementCurve.interval(steps), backend, member);
    }

    /** The training with one optimizer from one seed. */
    private final class Session {

        private final OptimizerChoice choice;
        private final long seed;
        private final Batch training = Batch.of(digits.training());
        private final Batch heldOut = Batch.of(digits.heldOut());
        private final BatchSampler sampler;
        private final List<Outcome.Point> curve = new ArrayList<>();
        private final Classifier net;
        private long steps;
        private long optimizerNanos;
        private final LongStream.Builder stepNanos = LongStream.builder();

        /** Spent on gradients within a step, which is no work of the optimizer's. */
        private long differentiatingNanos;

        /** Runs in epochs, but not in the evaluations between them. */
        private final Stopwatch watch = new Stopwatch();

        Session(OptimizerChoice choice, long seed) {
            this.choice = choice;
            this.seed = seed;
            this.sampler = new BatchSampler(seed, digits.training().count(), settings.batch());
            torch.manual_seed(seed);
            this.net = new Classifier();
        }

        void rehearse() {
            try (var stepper = stepper(choice, net, allSteps())) {
                long begin = System.nanoTime();
                var batches = sampler.nextEpoch().iterator();
                while (steps < REHEARSED_STEPS
                        && !any(
                                System.nanoTime() - begin >= REHEARSED_NANOS
                                        || progress.stopRequested())) {
                    batches = batches.hasNext() ? batches : sampler.nextEpoch().iterator();
                    try (var _ = new PointerScope()) {
                        step(stepper, training.select(batches.next()));
                    }
                }
            }
        }

        private long allSteps() {
            return (long) settings.epochs() * sampler.batchesPerEpoch();
        }

        Outcome run() {
            long all = allSteps();
            progress.begin(title(), all);
            curve.add(evaluate());
            var movements = new MovementCurve();
            long start = System.nanoTime();
            try (var stepper = stepper(choice, net, all)) {
                // Parameters that are no numbers never become numbers again.
                while (steps < all && !stopRequested() && isFinite()) {
                    epoch(stepper, movements);
                }
                digest(stepper, all);
            } finally {
                progress.end();
            }
            return new Outcome(
                    choice,
                    seed,
                    curve,
                    movements.points(),
                    steps,
                    end(all),
                    Duration.ofNanos(optimizerNanos),
                    medianStep(),
                    Duration.ofNanos(System.nanoTime() - start));
        }

        private void digest(Stepper stepper, long all) {
            if (end(all) == Run.End.STOPPED) {
                digests.remove(choice.name());
            } else if (member.isPresent()) {
                digests.add(choice.name(), stepper.parameters());
            }
        }

        private Duration medianStep() {
            var sorted = stepNanos.build().sorted().toArray();
            return Duration.ofNanos(sorted.length == 0 ? 0 : sorted[sorted.length / 2]);
        }

        private String title() {
            return settings.seeds().size() == 1
                    ? choice.name()
                    : "%s, seed %d".formatted(choice.name(), seed);
        }

        private boolean isFinite() {
            return Double.isFinite(curve.getLast().loss());
        }

        private Run.End end(long all) {
            if (!isFinite()) {
                return Run.End.DIVERGED;
            }
            if (steps < all) {
                return Run.End.STOPPED;
            }
            boolean learned = curve.getLast().loss() <= curve.getFirst().loss();
            return learned ? Run.End.COMPLETE : Run.End.WORSENED;
        }

        private void epoch(Stepper stepper, MovementCurve movements) {
            watch.start();
            for (var indices : sampler.nextEpoch()) {
                try (var _ = new PointerScope()) {
                    step(stepper, training.select(indices));
                }
                if (steps % MovementCurve.interval(allSteps()) == 0) {
                    stepper.report().ifPresent(report -> movements.add(now(), report));
                }
                progress.step();
                if (stopRequested()) {
                    break;
                }
            }
            watch.stop();
            stepper.evaluate(() -> curve.add(evaluate()));
            progress.epoch(curve.getLast());
        }

        private void step(Stepper stepper, Batch batch) {
            steps++;
            differentiate(stepper, batch, true);
            long start = System.nanoTime();
            long before = differentiatingNanos;
            stepper.step(() -> differentiateAgain(stepper, batch));
            long nanos = System.nanoTime() - start - (differentiatingNanos - before);
            optimizerNanos += nanos;
            stepNanos.add(nanos);
        }

        /**
         * Adds to the gradients, leaf by leaf where a team trains.
         *
         * @param first whether the step has not been prepared yet
         */
        private void differentiate(Stepper stepper, Batch batch, boolean first) {
            if (member.isEmpty()) {
                if (first) {
                    stepper.prepare(steps, batch, Leaf.ofWhole(batch.count()));
                }
                loss(batch).backward();
                return;
            }
            for (var leaf : member.get().leavesOf(batch.count())) {
                var part = batch.part(leaf.from(), leaf.count());
                if (first) {
                    member.get().seedEngine(seed, steps, leaf);
                    stepper.prepare(steps, part, leaf);
                }
                if (!leaf.isEmpty()) {
                    leaf.weighted(loss(part)).backward();
                }
                stepper.accumulate();
            }
        }

        private Tensor loss(Batch batch) {
            return torch.cross_entropy(net.forward(batch.images()), batch.classes());
        }

        private void differentiateAgain(Stepper stepper, Batch batch) {
            long start = System.nanoTime();
            differentiate(stepper, batch, false);
            differentiatingNanos += System.nanoTime() - start;
        }

        private Outcome.Moment now() {
            return new Outcome.Moment(
                    steps, (double) steps / sampler.batchesPerEpoch(), watch.seconds());
        }

        /** Of a team the first member evaluates, for all. */
        private Outcome.Point evaluate() {
            var found =
                    member.map(each -> each.ofFirst(2, this::lossAndAccuracy))
                            .orElseGet(this::lossAndAccuracy);
            return new Outcome.Point(now(), found[0], found[1]);
        }

        private double[] lossAndAccuracy() {
            try (var _ = new PointerScope();
                    var _ = new NoGradGuard()) {
                var loss = loss(training);
                var predictions =
                        torch.argmax(
                                net.forward(heldOut.images()),
                                new org.bytedeco.pytorch.LongOptional(1),
                                false);
                double right = predictions.eq(heldOut.classes()).sum().item_long();
                return new double[] {loss.item_double(), right / digits.heldOut().count()};
            }
        }
    }

    /** Receives the progress of the training. */
    public interface Progress {

        /** An optimizer begins, by this name. */
        void begin(String title, long steps);

        /** A step was taken. */
        void step();

        /** An epoch is done. */
        void epoch(Outcome.Point point);

        /** The optimizer is done. */
        void end();

        /** Whether the training should stop after the present step. */
        boolean stopRequested();
    }

    /**
     * The settings of a training.
     *
     * @param choices the optimizers, in order
     * @param epochs passes of each over the training examples, at least 1
     * @param batch examples a step, at least 1
     * @param seeds from each of them initial weights and batches follow, alike for every optimizer
     */
    public record Settings(List<OptimizerChoice> choices, int epochs, int batch, List<Long> seeds) {

        /** Checks the components and copies the lists. */
        public Settings {
            choices = List.copyOf(choices);
            seeds = List.copyOf(seeds);
            if (choices.isEmpty() || seeds.isEmpty() || epochs < 1 || batch < 1) {
                throw new IllegalArgumentException(
                        "there must be an optimizer, a seed, an epoch and an example a step at"
                                + " least");
            }
        }
    }
}
