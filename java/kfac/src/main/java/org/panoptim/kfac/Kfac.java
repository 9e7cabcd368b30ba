package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * K-FAC: preconditions the gradients of linear layers with a Kronecker-factored approximation of
 * the Fisher information (Martens and Grosse, "Optimizing Neural Networks with Kronecker-factored
 * Approximate Curvature", ICML 2015); an optimizer's rule then applies them.
 *
 * <p>For a layer y = W a + b with output gradients g, ā = (a, 1), {@code A = E[āāᵀ]} and {@code G =
 * E[ggᵀ]}, the gradient {@code ∇ = [∇W | ∇b]} becomes {@code ν (G + √γ/π I)⁻¹ ∇ (A + π√γ I)⁻¹}. π
 * shares the damping γ out by the factors' mean eigenvalues; ν bounds the change in the sense of
 * the Kullback–Leibler divergence: with learning rate η and U the preconditioned gradient, {@code ν
 * = min(1, √(κ / Σ η²⟨U, ∇⟩))} over all layers.
 *
 * <p>In each step: compute the loss and its gradients, {@linkplain #accumulate show each layer's
 * inputs and output gradients}, call {@code optimizer.step()}. The step takes the factors up if it
 * is accepted, refreshes the inverses when that is due, and rewrites the gradients in place.
 * Parameters of no layer pass through. Where a parameter of a layer is frozen or has no gradient,
 * its gradient counts as zero, and the other one of the layer is preconditioned.
 *
 * <p>Periods count accepted steps, and what is due stays due until it was done, layer by layer: a
 * refused step, a contribution of which no row counts or that is not finite, and a layer that comes
 * later only put it off. As long as a layer has no inverse, its step is what {@link
 * Builder#withoutInverse} says: none, by default; {@link #layersWithoutInverse} names these layers.
 *
 * <p>A step that fails is taken back: factors, inverses, gradients and what waits for a step are as
 * before, and it can be called again. Where a device has already overwritten what would be needed
 * for that, this Kfac says so, and refuses everything but {@link #close} from then on.
 *
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public final class Kfac implements CurvatureTransform, AutoCloseable {

    private final LayerList layers;
    private final KroneckerPlan plan;
    private final KroneckerEngine engine;
    private final WithoutInverse withoutInverse;
    private final FactorRecords records;
    private final FactorSchedule factors;
    private final InverseSchedule inverses;
    private final ActiveLayers active;
    private final KfacProgress progress;
    private final Rollback rollback;
    private KfacSettings settings;
    private @Nullable Execution execution;

    /** Whether a checkpoint may have brought something else for inverses that are missing. */
    private boolean loaded;

    private Kfac(
            LayerList layers,
            KfacSettings settings,
            WithoutInverse withoutInverse,
            Backend backend) {
        this.layers = layers;
        this.settings = settings;
        this.withoutInverse = withoutInverse;
        plan = new KroneckerPlan(layers.all(), settings.decayOfUpdate());
        engine = FactorEngines.of(backend.on(layers.parameters())).open(plan);
        records = new FactorRecords(layers, engine, withoutInverse);
        factors = new FactorSchedule(engine, layers.size(), settings.factorPeriod());
        inverses = new InverseSchedule(layers.size(), settings.inversePeriod());
        active = new ActiveLayers(layers);
        progress = new KfacProgress(layers, engine, factors, inverses, records);
        rollback = new Rollback(engine, "this Kfac", "a step or refresh");
        try {
            records.standIn();
        } catch (RuntimeException | Error e) {
            engine.close();
            throw e;
        }
    }

    /**
     * Begins a description.
     *
     * @param backend the backend that the optimizer steps on; it computes factors and inverses
     */
    public static Builder builder(Backend backend) {
        return new Builder(backend);
    }

    /**
     * Whether the coming step updates the factors of any layer that is not frozen; if not, {@link
     * #accumulate} does nothing. With a {@linkplain Builder#factorPeriod period} of more than one
     * step this may wait for a device, to learn whether it has accepted the last ones.
     */
    public boolean factorsDue() {
        rollback.requireUsable();
        for (int layer = 0; layer < layers.size(); layer++) {
            if (!active.isFrozen(layer) && factors.isDue(layer)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether the coming step updates a layer's factors.
     *
     * @throws IllegalArgumentException if there is no such layer
     */
    public boolean factorsDue(String layer) {
        rollback.requireUsable();
        return factors.isDue(layers.index(layer));
    }

    /**
     * Adds what a layer saw in a micro-batch to the factors that the coming step takes up, if they
     * are {@linkplain #factorsDue(String) due}. Rows are samples, or the tokens of sequences. All
     * micro-batches of a step count by their rows.
     *
     * <p>The memory is read during the call or, on a device, by work queued on the backend's
     * stream. What was accumulated waits for the next call of {@code optimizer.step()}: one that
     * fails keeps it, one that refuses the step drops it. A checkpoint does not contain it.
     *
     * @param layer the layer's name
     * @param inputs rows × inputs, float32, without the one of the bias
     * @param outputGradients rows × outputs, float32: the gradient of the loss at the layer's
     *     output, for each row, multiplied by the loss scale
     * @param batch how the loss was reduced, and which rows count
     * @throws IllegalArgumentException if there is no such layer, sizes do not agree, or the memory
     *     is not the backend's; nothing is changed
     * @throws IllegalStateException if an arena is closed or another thread's, this is closed, or
     *     the loss scale is not stated and there is no optimizer to ask for it; nothing is changed.
     *     Where another thread closes an arena while it is read, the layer's earlier micro-batches
     *     of the step are dropped with this one.
     */
    public void accumulate(String layer, Memory inputs, Memory outputGradients, Batch batch) {
        rollback.requireUsable();
        int place = layers.index(layer);
        var contribution = layers.contribution(place, inputs, outputGradients, batch);
        if (!factors.isDue(place)) {
            return;
        }
        engine.accumulate(place, LossScales.known(layer, contribution, execution));
        factors.contributed(place);
    }

    /** Drops what was accumulated for the coming step. */
    public void discard() {
        rollback.requireUsable();
        engine.discard();
        factors.discard();
    }

    /** As {@link #accumulate(String, Memory, Memory, Batch)}, of host memory. */
    public void accumulate(
            String layer, MemorySegment inputs, MemorySegment outputGradients, Batch batch) {
        accumulate(layer, new HostMemory(inputs), new HostMemory(outputGradients), batch);
    }

    /**
     * Computes the inverses of all factors anew; steps do so by themselves every {@linkplain
     * Builder#inversePeriod period}. Waits for running work.
     *
     * @return what came of each factor
     * @throws IllegalStateException if contributions wait for a step, or this is closed
     */
    public RefreshReport refresh() {
        rollback.requireUsable();
        if (factors.anyPending()) {
            throw new IllegalStateException(
                    "contributions were accumulated that no step has taken up yet; call step() or"
                            + " discard() first");
        }
        factors.settle();
        var undo = progress.snapshot();
        try {
            engine.begin();
            return refresh(factors.updatedLayers(), factors.steps() - 1);
        } catch (RuntimeException | Error e) {
            rollback.takeBack(undo, e);
            throw e;
        }
    }

    private RefreshReport refresh(List<Integer> due, long step) {
        var report = records.refresh(new Refresh(engine, plan, settings, withoutInverse), due);
        for (int layer : due) {
            inverses.refreshed(layer, step, factors.updates(layer), records.hasInverses(layer));
        }
        return report;
    }

    /**
     * What came of the last refresh, if there was one; of a layer that had no part in it, what came
     * of its last one.
     */
    public Optional<RefreshReport> report() {
        return records.report();
    }

    /**
     * The layers of which a factor has no inverse now, in their order; {@link
     * Builder#withoutInverse} says what their steps are.
     */
    public List<String> layersWithoutInverse() {
        return records.layersWithoutInverse();
    }

    /** ν of the last step that was preconditioned; waits for running work. */
    public OptionalDouble klCoefficient() {
        return engine.klCoefficient();
    }

    /** γ, the damping of the whole block. */
    public double damping() {
        return settings.damping();
    }

    /**
     * Changes γ from the next refresh on.
     *
     * @param value above 0
     */
    public void damping(double value) {
        settings = settings.withDamping(value);
    }

    @Override
    public void check(StepPlan newPlan) {
        layers.requireIn(newPlan);
    }

    @Override
    public void follow(StepPlan newPlan, Execution newExecution) {
        if (execution != null && execution != newExecution) {
            throw new IllegalStateException("this Kfac belongs to another optimizer");
        }
        if (execution == null) {
            newExecution.deviceStep().ifPresent(engine::attach);
            factors.follow(newExecution);
        }
        execution = newExecution;
        active.follow(newPlan);
        if (loaded) {
            records.standInAnew();
            loaded = false;
        }
    }

    @Override
    public void release() {
        try {
            factors.settle();
        } finally {
            engine.discard();
            factors.discard();
            execution = null;
        }
    }

    @Override
    public boolean queuesOn(Execution execution) {
        return engine.queuesOn(execution);
    }

    @Override
    public void transform(StepContext step) {
        run(step);
    }

    @Override
    public void enqueue(DeviceStep step) {
        run(step);
    }

    private void run(StepFacts step) {
        rollback.requireUsable();
        if (execution != null && execution.deviceStep().isPresent() != step instanceof DeviceStep) {
            throw new IllegalStateException(
                    "K-FAC must be built on the very backend that the optimizer steps on");
        }
        var wanted = active.withGradients();
        engine.check(wanted);
        var undo = progress.snapshot();
        try {
            take(step, wanted);
        } catch (RuntimeException | Error e) {
            rollback.takeBackStep(undo, e);
            throw e;
        }
    }

    private void take(StepFacts step, List<Preconditioning> wanted) {
        inverses.contributed(factors);
        boolean ask = inverses.mayBeDue(factors.atMost());
        engine.commit(step);
        boolean accepted = factors.attempted(step, ask);
        if (ask && accepted) {
            long number = factors.steps() - 1;
            var due = inverses.due(number, factors);
            if (!due.isEmpty()) {
                refresh(due, number);
            }
        }
        engine.precondition(step, wanted, settings.klClip());
    }

    @Override
    public Map<String, String> metadata() {
        rollback.requireUsable();
        factors.settle();
        return progress.metadata(settings.damping());
    }

    @Override
    public List<StateTensor> states() {
        rollback.requireUsable();
        var states = new ArrayList<StateTensor>();
        for (int factor = 0; factor < plan.factors(); factor++) {
            states.add(engine.average(factor));
            states.add(engine.inverse(factor));
        }
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        rollback.requireUsable();
        progress.check(metadata);
    }

    @Override
    public void restore(Map<String, String> metadata) {
        settings = progress.restore(metadata, settings);
        loaded = true;
    }

    /** Frees factors and inverses; closing twice is harmless. */
    @Override
    public void close() {
        if (execution != null) {
            throw new IllegalStateException("an optimizer still uses this Kfac; close it first");
        }
        engine.close();
    }

    /** Describes the layers and how they are preconditioned. */
    public static final class Builder {

        private final Backend backend;
        private final LayerList layers = new LayerList();
        private double damping = KfacSettings.DEFAULTS.damping();
        private boolean piCorrection = KfacSettings.DEFAULTS.piCorrection();
        private double factorDecay = KfacSettings.DEFAULTS.factorDecay();
        private double klClip = KfacSettings.DEFAULTS.klClip();
        private int factorPeriod = KfacSettings.DEFAULTS.factorPeriod();
        private int inversePeriod = KfacSettings.DEFAULTS.inversePeriod();
        private double tolerance = KfacSettings.DEFAULTS.tolerance();
        private double newtonError = KfacSettings.DEFAULTS.newtonError();
        private WithoutInverse withoutInverse = WithoutInverse.ZERO;

        private Builder(Backend backend) {
            this.backend = backend;
        }

        /**
         * Adds a linear layer.
         *
         * @param weight outputs × inputs, float32, contiguous
         * @param bias outputs, float32
         * @throws IllegalArgumentException if the name is taken, a parameter is another layer's, or
         *     shapes, types or the weight's order in memory do not fit
         */
        public Builder layer(String name, Parameter weight, Parameter bias) {
            layers.add(name, weight, Optional.of(bias));
            return this;
        }

        /** Adds a linear layer without a bias. */
        public Builder layer(String name, Parameter weight) {
            layers.add(name, weight, Optional.empty());
            return this;
        }

        /**
         * γ, the damping of the whole block (factors get its root), above 0; 1e-3 by default.
         *
         * <p>The less there is, the more of rounding shows in what is left of a gradient. On the
         * host, products that would lose too much in float are computed in double, and squares too
         * small for float are not lost. A device computes products and squares in float: there,
         * output gradients below 1e-19 count as zero, and with few rows γ below 1e-6 is of no use.
         */
        public Builder damping(double value) {
            damping = value;
            return this;
        }

        /** Whether π shares the damping out between a layer's factors; it does by default. */
        public Builder piCorrection(boolean value) {
            piCorrection = value;
            return this;
        }

        /**
         * β of the factors' averages for one step, in [0, 1); .95 by default. Where factors are
         * updated every f steps an update decays by β to the power f. Averages have no bias to
         * zero.
         */
        public Builder factorDecay(double value) {
            factorDecay = value;
            return this;
        }

        /** κ, above 0, infinity for no clipping; 1e-3 by default. */
        public Builder klClip(double value) {
            klClip = value;
            return this;
        }

        /** Accepted steps from one update of the factors to the next, at least 1; 1 by default. */
        public Builder factorPeriod(int value) {
            factorPeriod = value;
            return this;
        }

        /**
         * Accepted steps from one refresh of the inverses to the next, at least 1; 10 by default.
         */
        public Builder inversePeriod(int value) {
            inversePeriod = value;
            return this;
        }

        /**
         * The largest {@linkplain FactorReport#certifiedError certified error} of an inverse that
         * is used; a factor with a larger one takes a {@link Fallback}. Above 0; .25 by default.
         */
        public Builder tolerance(double value) {
            tolerance = value;
            return this;
        }

        /**
         * Lets refreshes start from the inverses in use, by Newton's method, where conditions allow
         * it, until {@code ‖I − B^½ X B^½‖₂} is certified to be at most this; 0, the default,
         * always factorises.
         */
        public Builder warmNewton(double certifiedError) {
            newtonError = certifiedError;
            return this;
        }

        /**
         * What the step of a layer is as long as a factor of it has no inverse; {@link
         * WithoutInverse#ZERO} by default.
         */
        public Builder withoutInverse(WithoutInverse value) {
            withoutInverse = Objects.requireNonNull(value, "withoutInverse");
            return this;
        }

        /**
         * Allocates factors and inverses on the backend: for each element of a factor 12 bytes on a
         * device, and 16 on the host, where a step that fails can be taken back whatever it has
         * done.
         *
         * @throws IllegalArgumentException if a setting is out of range or there is no layer
         * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot, with the reason
         */
        public Kfac build() {
            return new Kfac(
                    layers.copy(),
                    new KfacSettings(
                            damping,
                            piCorrection,
                            factorDecay,
                            klClip,
                            factorPeriod,
                            inversePeriod,
                            tolerance,
                            newtonError),
                    withoutInverse,
                    backend);
        }
    }
}
