package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.Backend;
import org.panoptim.HostMemory;
import org.panoptim.Memory;
import org.panoptim.Parameter;
import org.panoptim.StateTensor;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.kronecker.KroneckerEngine;
import org.panoptim.spi.kronecker.KroneckerLayer;
import org.panoptim.spi.kronecker.KroneckerPlan;
import org.panoptim.spi.kronecker.Preconditioning;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
 * Parameters of no layer, and layers of which a parameter is frozen or has no gradient, or that
 * have no factors yet, pass through.
 *
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public final class Kfac implements CurvatureTransform, AutoCloseable {

    private final LayerList layers;
    private final KroneckerPlan plan;
    private final KroneckerEngine engine;
    private final FactorMemory[] memories;
    private KfacSettings settings;

    /** Attempted steps. */
    private long steps;

    private boolean pending;

    /** Whether there are factors that no refresh has seen. */
    private boolean changed;

    private boolean refreshed;
    private @Nullable RefreshReport report;
    private @Nullable StepPlan stepPlan;
    private @Nullable Execution execution;
    private List<Preconditioning> active = List.of();

    private Kfac(LayerList layers, KfacSettings settings, Backend backend) {
        this.layers = layers;
        this.settings = settings;
        plan = new KroneckerPlan(layers.all(), settings.decayOfUpdate());
        memories = new FactorMemory[plan.factors()];
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = new FactorMemory();
        }
        engine = backend.open(plan);
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
     * Whether the coming step is one that updates the factors; at others {@link #accumulate} does
     * nothing.
     */
    public boolean factorsDue() {
        return steps % settings.factorPeriod() == 0;
    }

    /**
     * Adds what a layer saw in a micro-batch to the factors that the coming step takes up. Rows are
     * samples, or the tokens of sequences. All micro-batches of a step count by their rows.
     *
     * <p>The memory is read during the call or, on a device, by work queued on the backend's
     * stream.
     *
     * @param layer the layer's name
     * @param inputs rows × inputs, float32, without the one of the bias
     * @param outputGradients rows × outputs, float32: the gradient of the loss at the layer's
     *     output, for each row, multiplied by the loss scale
     * @param batch how the loss was reduced, and which rows count
     * @throws IllegalArgumentException if there is no such layer, sizes do not agree, or the memory
     *     is not the backend's; nothing is changed
     * @throws IllegalStateException if this is closed
     */
    public void accumulate(String layer, Memory inputs, Memory outputGradients, Batch batch) {
        int place = layers.place(layer);
        var contribution = layers.contribution(place, inputs, outputGradients, batch);
        if (!factorsDue()) {
            return;
        }
        engine.accumulate(place, LossScales.known(contribution, execution));
        pending = true;
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
        if (pending) {
            throw new IllegalStateException(
                    "contributions were accumulated that no step has taken up yet; call step()"
                            + " first");
        }
        var found = new Refresh(engine, plan, settings).run(memories);
        refreshed = true;
        changed = false;
        report = found;
        activate();
        return found;
    }

    /** What came of the last refresh, if there was one. */
    public Optional<RefreshReport> report() {
        return Optional.ofNullable(report);
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
        newExecution.deviceStep().ifPresent(engine::attach);
        stepPlan = newPlan;
        execution = newExecution;
        activate();
    }

    @Override
    public void release() {
        engine.discard();
        pending = false;
        stepPlan = null;
        execution = null;
    }

    /** Notes which layers are preconditioned, and at which learning rate. */
    private void activate() {
        var current = stepPlan;
        if (current == null) {
            return;
        }
        var found = new ArrayList<Preconditioning>();
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var group = LayerList.groupOf(current, layer, layer.weight());
            if (hasInverses(place) && !group.frozen() && !biasIsFrozen(current, layer)) {
                found.add(new Preconditioning(place, group.rule().learningRate()));
            }
        }
        active = List.copyOf(found);
    }

    private static boolean biasIsFrozen(StepPlan plan, KroneckerLayer layer) {
        return layer.bias()
                .map(bias -> LayerList.groupOf(plan, layer, bias).frozen())
                .orElse(false);
    }

    private boolean hasInverses(int place) {
        return memories[2 * place].exists() && memories[2 * place + 1].exists();
    }

    @Override
    public boolean queuesOn(Backend backend) {
        return engine.queuesOn(backend);
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
        if (execution != null && execution.deviceStep().isPresent() != step instanceof DeviceStep) {
            throw new IllegalStateException(
                    "K-FAC must be built on the very backend that the optimizer steps on");
        }
        boolean due = steps % settings.inversePeriod() == 0 || !refreshed;
        changed |= pending;
        pending = false;
        engine.commit(step);
        if (due && changed) {
            refresh();
        }
        engine.precondition(step, withGradients(), settings.klClip());
        steps++;
    }

    private List<Preconditioning> withGradients() {
        for (int i = 0; i < active.size(); i++) {
            if (!layers.get(active.get(i).layer()).hasGradients()) {
                return active.stream()
                        .filter(each -> layers.get(each.layer()).hasGradients())
                        .toList();
            }
        }
        return active;
    }

    @Override
    public Map<String, String> metadata() {
        if (pending) {
            throw new IllegalStateException(
                    "contributions were accumulated that no step has taken up yet; save after"
                            + " step()");
        }
        return KfacMetadata.of(this).format();
    }

    @Override
    public List<StateTensor> states() {
        var states = new ArrayList<StateTensor>();
        for (int factor = 0; factor < plan.factors(); factor++) {
            states.add(engine.average(factor));
            states.add(engine.inverse(factor));
        }
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        KfacMetadata.parse(metadata, layers);
    }

    @Override
    public void restore(Map<String, String> metadata) {
        var found = KfacMetadata.parse(metadata, layers);
        engine.discard();
        pending = false;
        report = null;
        steps = found.steps();
        changed = found.changed();
        refreshed = found.refreshed();
        settings = settings.withDamping(found.damping());
        for (int layer = 0; layer < layers.size(); layer++) {
            engine.restore(layer, found.updates().get(layer), found.refused().get(layer));
        }
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = found.memories().get(factor);
        }
        activate();
    }

    /** What a checkpoint has to say beside the tensors. */
    KfacMetadata describe() {
        var names = layers.all().stream().map(each -> each.name()).toList();
        var states = engine.factors();
        var updates = new ArrayList<Long>();
        var refused = new ArrayList<Long>();
        for (int factor = 0; factor < states.size(); factor += 2) {
            updates.add(states.get(factor).updates());
            refused.add(states.get(factor).refused());
        }
        return new KfacMetadata(
                names,
                steps,
                changed,
                refreshed,
                settings.damping(),
                updates,
                refused,
                List.of(memories));
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

        /** γ, the damping of the whole block (factors get its root), above 0; 1e-3 by default. */
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

        /** Steps from one update of the factors to the next, at least 1; 1 by default. */
        public Builder factorPeriod(int value) {
            factorPeriod = value;
            return this;
        }

        /** Steps from one refresh of the inverses to the next, at least 1; 10 by default. */
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
         * it, until the certified error is at most this; 0, the default, always factorises.
         */
        public Builder warmNewton(double certifiedError) {
            newtonError = certifiedError;
            return this;
        }

        /**
         * Allocates factors and inverses on the backend: 12 bytes for each element of a factor.
         *
         * @throws IllegalArgumentException if a setting is out of range or there is no layer
         * @throws org.panoptim.UnsupportedPlanException if the backend cannot, with the reason
         */
        public Kfac build() {
            return new Kfac(
                    layers,
                    new KfacSettings(
                            damping,
                            piCorrection,
                            factorDecay,
                            klClip,
                            factorPeriod,
                            inversePeriod,
                            tolerance,
                            newtonError),
                    backend);
        }
    }
}
