package org.panoptim.cli.train;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.Classifier.Batch;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Trains the classifier once for each optimizer, from the same weights and on the same batches. */
public final class Training {

    private static final int REHEARSAL = 50;

    private final Settings settings;
    private final Backend backend;
    private final Progress progress;
    private final Digits digits = Digits.load();

    /**
     * A training that has not begun.
     *
     * @param backend where Panoptim's optimizers compute; stays the caller's
     */
    public Training(Settings settings, Backend backend, Progress progress) {
        this.settings = settings;
        this.backend = backend;
        this.progress = progress;
        // The net is so small that several threads would spend their time waiting for each other.
        torch.set_num_threads(1);
    }

    /** Trains with one optimizer after the other, until all are done or a stop is requested. */
    public List<Outcome> run() {
        rehearse();
        var outcomes = new ArrayList<Outcome>();
        for (var choice : settings.choices()) {
            if (progress.stopRequested()) {
                break;
            }
            try (var _ = new PointerScope()) {
                outcomes.add(new Session(choice).run());
            }
        }
        return outcomes;
    }

    /**
     * Takes a few steps with each, so that the first one timed does not pay for the program's
     * start.
     */
    private void rehearse() {
        for (var choice : settings.choices()) {
            try (var _ = new PointerScope()) {
                new Session(choice).rehearse();
            }
        }
    }

    private Stepper stepper(OptimizerChoice choice, Classifier net, long steps) {
        return choice.ofEngine()
                ? new Stepper.Engine(net, choice.engineRule())
                : new Stepper.Fused(net, choice.setup(), MovementCurve.interval(steps), backend);
    }

    /** The training with one optimizer. */
    private final class Session {

        private final OptimizerChoice choice;
        private final Batch training = Batch.of(digits.training());
        private final Batch heldOut = Batch.of(digits.heldOut());
        private final BatchSampler sampler =
                new BatchSampler(settings.seed(), digits.training().count(), settings.batch());
        private final List<Outcome.Point> curve = new ArrayList<>();
        private final Classifier net;
        private long steps;
        private long optimizerNanos;

        /** Spent on gradients within a step, which is no work of the optimizer's. */
        private long differentiatingNanos;

        /** Runs in epochs, but not in the evaluations between them. */
        private final Stopwatch watch = new Stopwatch();

        Session(OptimizerChoice choice) {
            this.choice = choice;
            torch.manual_seed(settings.seed());
            this.net = new Classifier();
        }

        void rehearse() {
            try (var stepper = stepper(choice, net, allSteps())) {
                var batches = sampler.nextEpoch().iterator();
                while (steps < REHEARSAL && batches.hasNext() && !progress.stopRequested()) {
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
            progress.begin(choice, all);
            curve.add(evaluate());
            var movements = new MovementCurve();
            long start = System.nanoTime();
            try (var stepper = stepper(choice, net, all)) {
                while (steps < all && !progress.stopRequested()) {
                    epoch(stepper, movements);
                }
            } finally {
                progress.end();
            }
            return new Outcome(
                    choice,
                    curve,
                    movements.points(),
                    steps,
                    steps == all,
                    Duration.ofNanos(optimizerNanos),
                    Duration.ofNanos(System.nanoTime() - start));
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
                if (progress.stopRequested()) {
                    break;
                }
            }
            watch.stop();
            stepper.evaluate(() -> curve.add(evaluate()));
            progress.epoch(curve.getLast());
        }

        private void step(Stepper stepper, Batch batch) {
            steps++;
            stepper.prepare(steps, batch);
            differentiate(batch);
            long start = System.nanoTime();
            long before = differentiatingNanos;
            stepper.step(() -> differentiateAgain(batch));
            optimizerNanos += System.nanoTime() - start - (differentiatingNanos - before);
        }

        private void differentiate(Batch batch) {
            torch.cross_entropy(net.forward(batch.images()), batch.classes()).backward();
        }

        private void differentiateAgain(Batch batch) {
            long start = System.nanoTime();
            differentiate(batch);
            differentiatingNanos += System.nanoTime() - start;
        }

        private Outcome.Moment now() {
            return new Outcome.Moment(
                    steps, (double) steps / sampler.batchesPerEpoch(), watch.seconds());
        }

        private Outcome.Point evaluate() {
            try (var _ = new PointerScope();
                    var _ = new NoGradGuard()) {
                var loss = torch.cross_entropy(net.forward(training.images()), training.classes());
                var predictions =
                        torch.argmax(
                                net.forward(heldOut.images()),
                                new org.bytedeco.pytorch.LongOptional(1),
                                false);
                double right = predictions.eq(heldOut.classes()).sum().item_long();
                return new Outcome.Point(
                        now(), loss.item_double(), right / digits.heldOut().count());
            }
        }
    }

    /** Receives the progress of the training. */
    public interface Progress {

        /** An optimizer begins. */
        void begin(OptimizerChoice choice, long steps);

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
     * @param seed the initial weights and the batches follow from it, alike for every optimizer
     */
    public record Settings(List<OptimizerChoice> choices, int epochs, int batch, long seed) {

        /** Checks the components and copies the list. */
        public Settings {
            choices = List.copyOf(choices);
            if (choices.isEmpty() || epochs < 1 || batch < 1) {
                throw new IllegalArgumentException(
                        "there must be an optimizer, an epoch and an example a step at least");
            }
        }
    }
}
