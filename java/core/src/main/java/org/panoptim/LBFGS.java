package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.internal.Arguments;
import org.panoptim.internal.checkpoint.Checkpoint;
import org.panoptim.internal.lbfgs.CallersMemory;
import org.panoptim.internal.lbfgs.Descent;
import org.panoptim.internal.lbfgs.PointRule;
import org.panoptim.internal.lbfgs.Settings;
import org.panoptim.internal.lbfgs.StoredDescent;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Pass;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.NonFiniteLossException;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * L-BFGS, the quasi-Newton method with limited memory, for losses that can be evaluated again and
 * again: over a whole data set, or one large batch.
 *
 * <p>Source: PyTorch, torch.optim.LBFGS, with its defaults, its line search and the order of its
 * decisions. A step takes up to {@link Builder#maxIterations} iterations and evaluates the loss
 * where it has to, by the closure that it is handed; each iteration moves the parameters along −H
 * g, where g is the gradient and H stands for the inverse of the Hessian, made of the last {@link
 * Builder#historySize} steps and the changes of the gradient along them.
 *
 * <p>Vectors are float32, sums of products are taken in double over the library's fixed tree, and
 * decisions in double. So parameters, and with them the points at which the loss is evaluated, have
 * the same bits on every backend, if the closure does not depend on it. PyTorch rounds sums to
 * float32, and so comes out near, but not at, the same numbers. In these it differs on purpose:
 *
 * <ul>
 *   <li>A loss or gradient that is not finite ends the step with a {@link NonFiniteLossException}
 *       (PyTorch goes on, with parameters that are NaN soon).
 *   <li>An iteration that ends before it has moved, since the slope is too small, counts as a step
 *       of no length (PyTorch takes it for one of the learning rate times the direction).
 * </ul>
 *
 * <p><strong>Parameters</strong> and gradients are float32, and stay the caller's. Gradients are
 * read after each evaluation, and never written: a framework that adds to them has to zero them in
 * the closure. What has no gradient counts as if it were zero, as in PyTorch. A parameter's
 * {@linkplain Parameter#copiedTo copy} follows each move.
 *
 * <p><strong>Memory</strong>, in bytes for each element of the parameters: 20, and 8 more for each
 * pair of the history and for the one to come, as they are needed (828 with 100 pairs).
 *
 * <p><strong>Traffic</strong>, in bytes for each element: 28 for each evaluation (8 to take the
 * gradient, 8 to measure it, 12 to move the parameters), and for each iteration 52, and 40 more for
 * each pair of the history. A line search reads 4 more for each bracket, and moves 8 for each
 * gradient that it may come back to. Between the passes a few doubles come to the host, which waits
 * for them; the loops over the history need none.
 *
 * <p>Close it before the memory it works on and before a backend that was handed to it. It belongs
 * to one thread at a time, and throws {@link IllegalStateException} when two call it at once, when
 * the closure calls it, or when it is closed. Where something fails that cannot be taken back, the
 * call throws {@link UnusableOptimizerException}, and so does every later one but {@link #close}.
 */
public final class LBFGS implements AutoCloseable {

    private final Ownership ownership = new Ownership();
    private final Backend backend;
    private final boolean ownsBackend;
    private final List<Parameter> parameters;
    private final Settings settings;

    /** What passes over the caller's parameters are to the frameworks that these belong to. */
    private final StepPlan moves;

    private final StepInputs inputs;
    private final Descent descent;

    private LBFGS(
            Backend backend, boolean ownsBackend, List<Parameter> parameters, Settings settings) {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.parameters = parameters;
        this.settings = settings;
        moves = PointRule.planOver(parameters);
        PlanChecks.checkParameters(moves);
        inputs = new StepInputs(moves);
        descent = new Descent(backend.on(parameters), parameters, settings, new Callers());
    }

    /** What every call may write: each parameter. */
    private static final Pass RESTORED = Pass.overAll(PointRule.RESTORE, 1);

    /** The caller's memory, as every optimizer looks at it before it uses it. */
    private final class Callers implements CallersMemory {

        @Override
        public void check() {
            inputs.take();
            // Of those without a gradient, too.
            inputs.sources().checkPassed(moves, RESTORED);
        }

        @Override
        public void checkValues() {
            inputs.takeValues();
            inputs.sources().checkPassed(moves, RESTORED);
        }

        @Override
        public ArenaSet arenas() {
            return inputs.arenas();
        }

        @Override
        public ArenaSet valueArenas() {
            return inputs.writtenArenas();
        }

        @Override
        public void written() {
            inputs.sources().passed(moves, RESTORED);
        }
    }

    /** Evaluates the model. */
    @FunctionalInterface
    public interface Closure {

        /**
         * Computes the loss with the parameters as they are now, and leaves its gradients in them.
         *
         * @return the loss
         */
        double evaluate();
    }

    /** How far an iteration goes along its direction. */
    public enum LineSearch {
        /** As far as the learning rate says, without looking. */
        NONE,
        /** To a point that satisfies the strong Wolfe conditions, with 1e-4 and 0.9. */
        STRONG_WOLFE
    }

    /**
     * Begins an optimizer.
     *
     * @param parameters float32, with names of their own, in memory of the backend; not empty
     */
    public static Builder builder(List<Parameter> parameters) {
        return new Builder(Arguments.copyOf(parameters, "parameters"));
    }

    /**
     * Takes a step: evaluates the loss, and then iterates until one of the limits is met or the
     * gradient, the change of the parameters or that of the loss is within its tolerance.
     *
     * <p>What the closure throws comes out as it is. Whenever the step throws anything but an
     * {@link UnusableOptimizerException}, the parameters are where the last iteration that went
     * through has left them, the history is kept, and the next step goes on from there.
     *
     * @return the loss at its beginning
     * @throws NonFiniteLossException if the loss or a gradient is infinite or NaN
     * @throws IllegalStateException if an arena is closed, the framework that a parameter belongs
     *     to has moved it, or a framework is capturing the device's stream
     * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot use a gradient's
     *     memory, with the reason
     */
    public double step(Closure closure) {
        Objects.requireNonNull(closure, "closure");
        ownership.enter();
        try {
            requireNoCapture("a step, which waits for the device, cannot be taken");
            return descent.step(closure::evaluate);
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    private void requireNoCapture(String what) {
        if (descent.isCapturing()) {
            throw new IllegalStateException(what + " while the stream is being captured");
        }
    }

    /** The iterations taken so far, in all steps. */
    public long iterations() {
        return progress().iterations();
    }

    /** How often a closure was called so far and came back, in all steps. */
    public long evaluations() {
        return progress().evaluations();
    }

    private Descent.Progress progress() {
        ownership.enter();
        try {
            return descent.progress();
        } finally {
            ownership.exit();
        }
    }

    /** The backend that vectors are computed on. */
    public Backend backend() {
        return backend;
    }

    /**
     * Writes the history, the direction and the counts to a safetensors file, atomically: the file
     * is either the old one or the new one, whole. Parameters and settings are not in it.
     *
     * @throws IOException if writing fails; an old file is then as it was
     */
    public void save(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        ownership.enter();
        try {
            StoredDescent.save(file, descent, parameters);
        } finally {
            ownership.exit();
        }
    }

    /**
     * Takes up what {@link #save} wrote, on this or any other backend; the steps that follow have
     * the same bits, if the parameters have. Settings stay as the builder was told. What it holds
     * is in memory twice meanwhile.
     *
     * @throws IOException if the file cannot be read, is damaged, is no checkpoint of L-BFGS, or is
     *     one of other parameters, shapes or {@linkplain Parameter#order orders in memory}, or with
     *     a longer history; nothing is changed
     */
    public void load(Path file, LoadOption... options) throws IOException {
        Objects.requireNonNull(file, "file");
        var chosen = Set.copyOf(Arguments.copyOf(options, "options"));
        ownership.enter();
        try {
            StoredDescent.load(file, descent, parameters, settings.historySize(), chosen);
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    /**
     * Frees all vectors; closing twice is harmless. Parameters stay as they are.
     *
     * @throws IllegalStateException if a framework is capturing the device's stream; nothing is
     *     freed, and the optimizer can be closed when the capture has ended
     */
    @Override
    public void close() {
        if (ownership.isClosed()) {
            return;
        }
        ownership.enterToClose();
        try {
            requireNoCapture("the optimizer cannot be closed");
            ownership.close();
            Cleanup.all(descent::close, ownsBackend ? backend::close : () -> {});
        } finally {
            ownership.exit();
        }
    }

    /** Describes an optimizer before it is built; defaults are PyTorch's. */
    public static final class Builder {

        private final List<Parameter> parameters;
        private double learningRate = 1;
        private int maxIterations = 20;
        private @Nullable Integer maxEvaluations;
        private double toleranceGradient = 1e-7;
        private double toleranceChange = 1e-9;
        private int historySize = 100;
        private LineSearch lineSearch = LineSearch.NONE;
        private @Nullable Backend backend;

        private Builder(List<Parameter> parameters) {
            this.parameters = parameters;
        }

        /**
         * How much of its direction an iteration goes, or a line search tries first; 1 by default.
         * The very first goes that share of min(1, 1 / Σ|g|).
         *
         * @param value finite and at least 0
         */
        public Builder learningRate(double value) {
            learningRate = value;
            return this;
        }

        /**
         * The most iterations of a step; 20 by default.
         *
         * @param value at least 1
         */
        public Builder maxIterations(int value) {
            maxIterations = value;
            return this;
        }

        /**
         * After how many evaluations a step takes no further iteration; 5/4 of {@link
         * #maxIterations} by default. A line search may exceed it by one.
         *
         * @param value at least 1
         */
        public Builder maxEvaluations(int value) {
            maxEvaluations = value;
            return this;
        }

        /**
         * A step ends when no element of the gradient is larger; 1e-7 by default.
         *
         * @param value finite and at least 0
         */
        public Builder toleranceGradient(double value) {
            toleranceGradient = value;
            return this;
        }

        /**
         * A step ends when no parameter has changed by more, or the loss by less; 1e-9 by default.
         *
         * @param value finite and at least 0
         */
        public Builder toleranceChange(double value) {
            toleranceChange = value;
            return this;
        }

        /**
         * The most pairs of a step and a change of the gradient that are remembered; 100 by
         * default.
         *
         * @param value at least 1
         */
        public Builder historySize(int value) {
            historySize = value;
            return this;
        }

        /** How far iterations go; {@link LineSearch#NONE} by default. */
        public Builder lineSearch(LineSearch value) {
            lineSearch = Objects.requireNonNull(value, "lineSearch");
            return this;
        }

        /**
         * Chooses the backend, which stays the caller's; else the best one is opened and closed.
         */
        public Builder backend(Backend value) {
            backend = Objects.requireNonNull(value, "backend");
            return this;
        }

        /**
         * Builds the optimizer, and allocates what it needs at first.
         *
         * @throws IllegalArgumentException if a setting is out of range, there is no parameter,
         *     names repeat or cannot be saved, parameters overlap, or one is not float32 or has a
         *     moving average, which L-BFGS does not move
         * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot use the
         *     parameters' memory, with the reason
         */
        public LBFGS build() {
            var settings =
                    new Settings(
                            learningRate,
                            maxIterations,
                            maxEvaluations == null
                                    ? Math.toIntExact(maxIterations * 5L / 4)
                                    : maxEvaluations,
                            toleranceGradient,
                            toleranceChange,
                            historySize,
                            lineSearch == LineSearch.STRONG_WOLFE);
            check();
            if (backend != null) {
                return new LBFGS(backend, false, parameters, settings);
            }
            var best = Backend.best();
            try {
                return new LBFGS(best, true, parameters, settings);
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, best::close);
                throw e;
            }
        }

        private void check() {
            if (parameters.isEmpty()) {
                throw new IllegalArgumentException("LBFGS: there is no parameter");
            }
            for (var parameter : parameters) {
                Checkpoint.requireText("a parameter's name", parameter.name());
                if (parameter.dtype() != DType.F32) {
                    throw new IllegalArgumentException(
                            "LBFGS: parameter '%s' is %s, and only F32 is taken"
                                    .formatted(parameter.name(), parameter.dtype()));
                }
                if (parameter.average().isPresent()) {
                    throw new IllegalArgumentException(
                            "LBFGS: parameter '%s' has a moving average, which nothing moves"
                                    .formatted(parameter.name()));
                }
            }
        }
    }
}
