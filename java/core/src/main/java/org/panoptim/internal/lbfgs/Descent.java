package org.panoptim.internal.lbfgs;

import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.step.NonFiniteLossException;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * The iterations of L-BFGS, as PyTorch's {@code LBFGS.step} takes them. Nothing here knows where
 * vectors lie: all of them is done by passes, and only numbers come out.
 */
public final class Descent implements AutoCloseable {

    private final Settings settings;
    private final Vectors vectors;
    private History history;
    private Progress progress = new Progress(0, 0, 0);

    /**
     * How far it has come.
     *
     * @param iterations those that were taken
     * @param evaluations how often the loss was asked for
     * @param step how much of the last direction the parameters were moved by
     */
    public record Progress(long iterations, long evaluations, double step) {

        Progress evaluated() {
            return new Progress(iterations, evaluations + 1, step);
        }

        /** Another iteration, or one less, that has not moved yet. */
        Progress iterated(int by) {
            return new Progress(iterations + by, evaluations, 0);
        }

        Progress moved(double by) {
            return new Progress(iterations, evaluations, by);
        }
    }

    /**
     * Allocates what there is one of.
     *
     * @param backend of the parameters' memory; the caller closes it
     */
    public Descent(
            Backend backend, List<Parameter> parameters, Settings settings, CallersMemory memory) {
        this.settings = settings;
        vectors = new Vectors(backend, parameters, settings.toleranceGradient(), memory);
        try {
            history = new History(vectors, settings.historySize());
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, vectors::close);
            throw e;
        }
    }

    /**
     * Takes a step: as many iterations as the settings say.
     *
     * @param objective evaluates the loss where the parameters are, and leaves gradients in them
     * @return the loss at the beginning
     * @throws NonFiniteLossException if the loss or a gradient is not finite; the parameters are
     *     where the iteration began
     * @throws PartialChangeException if something failed that leaves the parameters anywhere
     */
    public double step(DoubleSupplier objective) {
        long most = progress.evaluations + settings.maxEvaluations();
        var here = evaluate(objective, progress.iterations + 1, 0);
        double loss = here.loss();
        if (here.measures().flat()) {
            return loss;
        }
        for (int i = 1; i <= settings.maxIterations(); i++) {
            var next = iterate(objective, here.loss(), i == settings.maxIterations(), most);
            if (next.isEmpty()) {
                break;
            }
            here = next.get();
        }
        return loss;
    }

    private Trial evaluate(DoubleSupplier objective, long iteration, double t) {
        double loss = objective.getAsDouble();
        progress = progress.evaluated();
        vectors.takeGradient();
        var measures = vectors.measure();
        if (!Double.isFinite(loss) || !Double.isFinite(measures.norm())) {
            throw new NonFiniteLossException(loss, iteration, t);
        }
        return new Trial(t, loss, measures);
    }

    /**
     * Takes an iteration, or leaves the parameters where they are.
     *
     * @param most what the count of evaluations must not exceed
     * @return where to go on from, unless it was the last of its step
     */
    private Optional<Trial> iterate(
            DoubleSupplier objective, double loss, boolean last, long most) {
        double stepBefore = progress.step;
        progress = progress.iterated(1);
        var line =
                new Line(
                        vectors,
                        settings.toleranceChange(),
                        t -> evaluate(objective, progress.iterations, t));
        try {
            direct(stepBefore);
            var start = new Trial(0, loss, vectors.measure());
            if (!Double.isFinite(start.slope())) {
                throw new NonFiniteLossException(loss, progress.iterations, 0);
            }
            if (start.slope() > -settings.toleranceChange()) {
                return Optional.empty();
            }
            double t = firstLength(start);
            if (last && !settings.strongWolfe()) {
                line.go(t);
                progress = progress.moved(t);
                return Optional.empty();
            }
            var reached = search(line, start, t, most);
            boolean done =
                    last
                            || progress.evaluations >= most
                            || reached.measures().flat()
                            || vectors.isWithin(reached.t(), (float) settings.toleranceChange())
                            || Math.abs(reached.loss() - loss) < settings.toleranceChange();
            progress = progress.moved(reached.t());
            return done ? Optional.empty() : Optional.of(reached);
        } catch (Throwable e) {
            progress = progress.iterated(-1);
            takeBack(line, e);
            throw e;
        }
    }

    /** Finds the direction, and begins the pair that it leads to. */
    private void direct(double stepBefore) {
        if (progress.iterations > 1) {
            history.complete(stepBefore);
        }
        vectors.descend();
        history.precondition();
        history.begin();
    }

    private double firstLength(Trial start) {
        double share = progress.iterations == 1 ? Math.min(1, 1 / start.measures().norm()) : 1;
        return share * settings.learningRate();
    }

    private Trial search(Line line, Trial start, double t, long most) {
        if (!settings.strongWolfe()) {
            return line.at(t);
        }
        int left = Math.toIntExact(most - progress.evaluations);
        var found = new StrongWolfe(line, start, left).search(t);
        line.settle(found);
        return found;
    }

    private static void takeBack(Line line, Throwable failure) {
        if (failure instanceof PartialChangeException) {
            return;
        }
        try {
            line.back();
        } catch (PartialChangeException e) {
            e.addSuppressed(failure);
            throw e;
        } catch (RuntimeException | Error e) {
            failure.addSuppressed(e);
        }
    }

    /** Whether a framework captures the device's stream, so that nothing can be waited for. */
    public boolean isCapturing() {
        return vectors.isCapturing();
    }

    /** How far it has come. */
    public Progress progress() {
        return progress;
    }

    /** What the inverse of the Hessian is taken for before any pair: so much of the identity. */
    public double scale() {
        return history.scale();
    }

    /** The products of y and s of the history's pairs, the oldest first. */
    public List<Double> curvatures() {
        return history.curvatures();
    }

    /** The vectors that make the next iteration what it is, by name. */
    public Map<String, StateTensor> states() {
        return states(history);
    }

    private Map<String, StateTensor> states(History of) {
        var states = new LinkedHashMap<String, StateTensor>();
        for (int i = 0; i < vectors.parameters().size(); i++) {
            var state = vectors.directionState(i);
            states.put("d/" + state.parameter(), state);
        }
        states.putAll(of.states());
        return states;
    }

    /**
     * A place for what was saved.
     *
     * @param curvatures of the pairs, at most as many as the history may have
     */
    public Restoration restoration(List<Double> curvatures, double scale) {
        return new Restoration(history.like(curvatures, scale));
    }

    /** A history that is to take the place of the present one; closing it frees the other. */
    public final class Restoration implements AutoCloseable {

        private final History loaded;
        private History unused;

        private Restoration(History loaded) {
            this.loaded = loaded;
            unused = loaded;
        }

        /** The vectors to be taken up, by name. */
        public Map<String, StateTensor> states() {
            return Descent.this.states(loaded);
        }

        /**
         * Takes up the vectors, by name, and the rest.
         *
         * @throws PartialChangeException if it fails
         */
        public void adopt(Progress saved, Map<String, MemorySegment> vectors) {
            var states = states();
            try {
                vectors.forEach((name, values) -> states.get(name).write(0, values));
            } catch (RuntimeException | Error e) {
                throw new PartialChangeException("loading failed half way", e);
            }
            unused = history;
            history = loaded;
            progress = saved;
        }

        @Override
        public void close() {
            unused.close();
        }
    }

    @Override
    public void close() {
        Cleanup.all(history::close, vectors::close);
    }
}
