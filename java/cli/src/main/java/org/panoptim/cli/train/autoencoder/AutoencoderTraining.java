package org.panoptim.cli.train.autoencoder;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.backend.Backend;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Digits;
import org.panoptim.cli.train.ParameterDigests;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.cli.train.TeamMember.Leaf;
import org.panoptim.spi.UnsupportedPlanException;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.DoubleStream;

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
    private final Optional<TeamMember> member;
    private final ParameterDigests digests = new ParameterDigests();

    /**
     * A training that has not begun.
     *
     * @param choices the optimizers, in order
     * @param seeds from each of them initial weights and sampled targets follow
     * @param backend where Panoptim's optimizers compute; stays the caller's
     * @param substitute where K-FAC's factors are computed if the backend cannot; stays the
     *     caller's
     * @param stop whether to stop after the present step
     * @param member whose team takes all steps together, if there is one; each member has a
     *     training of the same choices and seeds
     */
    public AutoencoderTraining(
            List<AutoencoderChoice> choices,
            List<Long> seeds,
            Backend backend,
            Optional<Backend> substitute,
            TerminalBar bar,
            BooleanSupplier stop,
            Optional<TeamMember> member) {
        this.choices = List.copyOf(choices);
        this.seeds = List.copyOf(seeds);
        this.backend = backend;
        this.substitute = substitute;
        this.bar = bar;
        this.stop = stop;
        this.member = member;
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
            train(few, seeds.getFirst(), TerminalBar.silent(), new ParameterDigests());
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
                if (stopRequested()) {
                    digests.remove(choice.name());
                    return curves;
                }
                curves.add(train(choice, seed, bar, digests));
            }
        }
        return curves;
    }

    /** Remarks for the user, each in a line. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /**
     * SHA-256 of the final parameters by optimizer, where a team trains: of their bytes in
     * registration order, and of several seeds' one after the other. None of an optimizer that was
     * stopped. Asked once.
     */
    public SequencedMap<String, String> digests() {
        return digests.all();
    }

    /** Whether a stop is requested here, or of any member of the team. */
    private boolean stopRequested() {
        boolean here = stop.getAsBoolean();
        return member.map(each -> each.any(here)).orElse(here);
    }

    private LossCurve train(
            AutoencoderChoice choice, long seed, TerminalBar shown, ParameterDigests into) {
        try (var _ = new PointerScope()) {
            return new Session(choice, seed).run(shown, into);
        }
    }

    private Trainer trainer(AutoencoderChoice choice, Autoencoder net, Tensor images) {
        return switch (choice.kind()) {
            case FUSED ->
                    new Trainer.Fused(net, choice.setup(), choice.iterations(), backend, member);
            case ENGINE -> new Trainer.Engine(net, choice.setup(), choice.iterations());
            case KFAC -> curvature(choice, net, images);
        };
    }

    private Trainer curvature(AutoencoderChoice choice, Autoencoder net, Tensor images) {
        try {
            return new KfacTrainer(
                    net, images, choice.setup(), choice.iterations(), backend, backend, member);
        } catch (UnsupportedPlanException e) {
            if (substitute.isEmpty()) {
                throw e;
            }
            notes.add(
                    "K-FAC's factors and inverses are computed by the backend %s, since %s"
                            .formatted(substitute.get().name(), e.getMessage()));
            return new KfacTrainer(
                    net,
                    images,
                    choice.setup(),
                    choice.iterations(),
                    substitute.get(),
                    backend,
                    member);
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

        LossCurve run(TerminalBar shown, ParameterDigests into) {
            shown.begin(title(), choice.iterations());
            try (var trainer = trainer(choice, net, images)) {
                while (points.size() < choice.iterations() && !stopRequested() && isFinite()) {
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
                if (end() == Run.End.STOPPED) {
                    into.remove(choice.name());
                } else if (member.isPresent()) {
                    into.add(choice.name(), trainer.parameters());
                }
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
            boolean measuresHere = !trainer.evaluatesElsewhere();
            if (!measuresHere) {
                trainer.evaluate(this::measure);
            }
            var measures = new Measures();
            var leaves = leaves();
            for (int place = 0; place < leaves.size(); place++) {
                var leaf = leaves.get(place);
                var part = part(leaf);
                long start = System.nanoTime();
                var logits = net.forward(part).logits();
                nanos += System.nanoTime() - start;
                if (measuresHere) {
                    measures.add(leaf, logits, part);
                }
                start = System.nanoTime();
                member.ifPresent(each -> each.seedEngine(seed, points.size(), leaf));
                trainer.prepare(place);
                backward(trainer, leaf, logits, part);
                nanos += System.nanoTime() - start;
            }
            if (measuresHere) {
                measures.point();
            }
            long start = System.nanoTime();
            trainer.step(() -> differentiateAgain(trainer));
            nanos += System.nanoTime() - start;
        }

        private List<Leaf> leaves() {
            return member.map(each -> each.leavesOf(digits.count()))
                    .orElseGet(() -> List.of(Leaf.ofWhole(digits.count())));
        }

        private Tensor part(Leaf leaf) {
            return images.narrow(0, leaf.from(), leaf.count());
        }

        private void backward(Trainer trainer, Leaf leaf, Tensor logits, Tensor part) {
            leaf.weighted(Autoencoder.loss(logits, part)).backward();
            if (member.isPresent()) {
                trainer.accumulate();
            }
        }

        private void differentiateAgain(Trainer trainer) {
            for (var leaf : leaves()) {
                var part = part(leaf);
                backward(trainer, leaf, net.forward(part).logits(), part);
            }
        }

        private void measure() {
            try (var _ = new PointerScope();
                    var _ = new NoGradGuard()) {
                var measures = new Measures();
                for (var leaf : leaves()) {
                    var part = part(leaf);
                    measures.add(leaf, net.forward(part).logits(), part);
                }
                measures.point();
            }
        }

        /** Of the net at one point, on the leaves that this member has. */
        private final class Measures {

            private final DoubleStream.Builder found = DoubleStream.builder();
            private double seconds = Double.NaN;

            void add(Leaf leaf, Tensor logits, Tensor part) {
                if (Double.isNaN(seconds)) {
                    seconds = nanos / 1e9;
                }
                var detached = logits.detach();
                found.add(leaf.weight() * Autoencoder.loss(detached, part).item_double());
                found.add(leaf.weight() * Autoencoder.squaredError(detached, part));
            }

            /** Adds a point of the means over all leaves, which every member has. */
            void point() {
                var own = found.build().toArray();
                var all = member.map(each -> each.all(own)).orElse(own);
                double loss = 0;
                double error = 0;
                for (int i = 0; i < all.length; i += 2) {
                    loss += all[i];
                    error += all[i + 1];
                }
                int leaves = all.length / 2;
                points.add(
                        new LossCurve.Point(points.size(), seconds, loss / leaves, error / leaves));
            }
        }

        private String message() {
            return String.format(
                    Locale.ROOT, "squared error %.3f", points.getLast().squaredError());
        }
    }
}
