package org.panoptim.cli.train.autoencoder;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.backend.Backend;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Digits;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * Trains the autoencoder once with each optimizer and seed, all from the same weights of a seed, on
 * all images at once.
 */
public final class AutoencoderTraining {

    private static final int REHEARSAL = 15;
    private static final int MESSAGE_INTERVAL = 10;

    private final List<AutoencoderChoice> choices;
    private final List<Long> seeds;
    private final Backend backend;
    private final Optional<Backend> substitute;
    private final TerminalBar bar;
    private final BooleanSupplier stop;
    private final Digits.Examples digits = Digits.all();
    private final Set<String> notes = new LinkedHashSet<>();

    /**
     * A training that has not begun.
     *
     * @param choices the optimizers, in order
     * @param seeds from each of them initial weights and sampled targets follow
     * @param backend where Panoptim's optimizers compute; stays the caller's
     * @param substitute where K-FAC's factors are computed if the backend cannot; stays the
     *     caller's
     * @param stop whether to stop after the present step
     */
    public AutoencoderTraining(
            List<AutoencoderChoice> choices,
            List<Long> seeds,
            Backend backend,
            Optional<Backend> substitute,
            TerminalBar bar,
            BooleanSupplier stop) {
        this.choices = List.copyOf(choices);
        this.seeds = List.copyOf(seeds);
        this.backend = backend;
        this.substitute = substitute;
        this.bar = bar;
        this.stop = stop;
        // One thread adds up in the same order every time.
        torch.set_num_threads(1);
    }

    /**
     * Takes a few steps with each and forgets them, so that the first one timed does not pay for
     * the program's start.
     *
     * @throws UnsupportedPlanException if K-FAC is among them, the backend computes no factors and
     *     there is no substitute
     */
    public void rehearse() {
        for (var choice : choices) {
            var few = choice.withIterations(Math.min(choice.iterations(), REHEARSAL));
            train(few, seeds.getFirst(), TerminalBar.silent());
        }
    }

    /**
     * Trains with one optimizer after the other, until all are done or a stop is requested.
     *
     * @throws UnsupportedPlanException if K-FAC is among them, the backend computes no factors and
     *     there is no substitute
     */
    public List<LossCurve> run() {
        var curves = new ArrayList<LossCurve>();
        for (var choice : choices) {
            for (long seed : seeds) {
                if (stop.getAsBoolean()) {
                    return curves;
                }
                curves.add(train(choice, seed, bar));
            }
        }
        return curves;
    }

    /** Remarks for the user, each in a line. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    private LossCurve train(AutoencoderChoice choice, long seed, TerminalBar shown) {
        try (var _ = new PointerScope()) {
            return new Session(choice, seed).run(shown);
        }
    }

    private Trainer trainer(AutoencoderChoice choice, Autoencoder net, Tensor images) {
        return switch (choice.kind()) {
            case FUSED -> new Trainer.Fused(net, choice.setup(), choice.iterations(), backend);
            case ENGINE -> new Trainer.Engine(net, choice.setup(), choice.iterations());
            case KFAC -> curvature(choice, net, images);
        };
    }

    private Trainer curvature(AutoencoderChoice choice, Autoencoder net, Tensor images) {
        try {
            return new KfacTrainer(
                    net, images, choice.setup(), choice.iterations(), backend, backend);
        } catch (UnsupportedPlanException e) {
            if (substitute.isEmpty()) {
                throw e;
            }
            notes.add(
                    "K-FAC's factors and inverses are computed by the backend %s, since %s"
                            .formatted(substitute.get().name(), e.getMessage()));
            return new KfacTrainer(
                    net, images, choice.setup(), choice.iterations(), substitute.get(), backend);
        }
    }

    /** The training with one optimizer from one seed. */
    private final class Session {

        private final AutoencoderChoice choice;
        private final long seed;
        private final Tensor images = Tensor.create(digits.pixels(), digits.count(), Digits.PIXELS);
        private final Autoencoder net;
        private final List<LossCurve.Point> points = new ArrayList<>();
        private long nanos;

        Session(AutoencoderChoice choice, long seed) {
            this.choice = choice;
            this.seed = seed;
            torch.manual_seed(seed);
            this.net = new Autoencoder();
        }

        LossCurve run(TerminalBar shown) {
            shown.begin(title(), choice.iterations());
            try (var trainer = trainer(choice, net, images)) {
                while (points.size() < choice.iterations() && !stop.getAsBoolean() && isFinite()) {
                    try (var _ = new PointerScope()) {
                        step(trainer);
                    }
                    shown.step();
                    if (points.size() % MESSAGE_INTERVAL == 1) {
                        shown.message(message());
                    }
                }
                trainer.evaluate(this::measure);
                shown.message(message());
                return new LossCurve(choice, seed, points, end(), trainer.remark());
            } finally {
                shown.end();
            }
        }

        private String title() {
            return seeds.size() == 1 ? choice.name() : "%s, seed %d".formatted(choice.name(), seed);
        }

        /** Parameters that are no numbers never become numbers again. */
        private boolean isFinite() {
            return points.isEmpty() || Double.isFinite(points.getLast().loss());
        }

        private Run.End end() {
            if (!isFinite()) {
                return Run.End.DIVERGED;
            }
            if (points.size() <= choice.iterations()) {
                return Run.End.STOPPED;
            }
            boolean learned = points.getLast().loss() <= points.getFirst().loss();
            return learned ? Run.End.COMPLETE : Run.End.WORSENED;
        }

        /** Measures the losses, untimed, and takes a step. */
        private void step(Trainer trainer) {
            if (trainer.evaluatesElsewhere()) {
                trainer.evaluate(this::measure);
            }
            long start = System.nanoTime();
            var logits = net.forward(images).logits();
            nanos += System.nanoTime() - start;
            if (!trainer.evaluatesElsewhere()) {
                measure(logits);
            }
            start = System.nanoTime();
            trainer.prepare();
            Autoencoder.loss(logits, images).backward();
            trainer.step(() -> Autoencoder.loss(net.forward(images).logits(), images).backward());
            nanos += System.nanoTime() - start;
        }

        private void measure() {
            try (var _ = new PointerScope();
                    var _ = new NoGradGuard()) {
                measure(net.forward(images).logits());
            }
        }

        private void measure(Tensor logits) {
            var detached = logits.detach();
            points.add(
                    new LossCurve.Point(
                            points.size(),
                            nanos / 1e9,
                            Autoencoder.loss(detached, images).item_double(),
                            Autoencoder.squaredError(detached, images)));
        }

        private String message() {
            return String.format(
                    Locale.ROOT, "squared error %.3f", points.getLast().squaredError());
        }
    }
}
