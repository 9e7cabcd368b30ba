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
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.kronecker.KroneckerEngine;
import org.panoptim.spi.kronecker.KroneckerPlan;
import org.panoptim.spi.kronecker.Preconditioning;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.IntStream;

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
    private final FactorHistory[] memories;
    private final @Nullable FactorReport[] reports;
    private final FactorSchedule factors;
    private final InverseSchedule inverses;
    private KfacSettings settings;
    private @Nullable RefreshReport report;
    private @Nullable Execution execution;
    private List<Preconditioning> active = List.of();
    private final boolean[] frozen;

    /** Whether a checkpoint may have brought something else for inverses that are missing. */
    private boolean loaded;

    /** What left factors and inverses in a state that is of no use. */
    private @Nullable Throwable failure;

    private Kfac(
            LayerList layers,
            KfacSettings settings,
            WithoutInverse withoutInverse,
            Backend backend) {
        this.layers = layers;
        this.settings = settings;
        this.withoutInverse = withoutInverse;
        plan = new KroneckerPlan(layers.all(), settings.decayOfUpdate());
        memories = new FactorHistory[plan.factors()];
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = new FactorHistory();
        }
        reports = new FactorReport[plan.factors()];
        engine = backend.open(plan);
        factors = new FactorSchedule(engine, layers.size(), settings.factorPeriod());
        inverses = new InverseSchedule(layers.size(), settings.inversePeriod());
        frozen = new boolean[layers.size()];
        try {
            standIn(IntStream.range(0, plan.factors()).boxed().toList());
        } catch (RuntimeException | Error e) {
            engine.close();
            throw e;
        }
    }

    /** Lets something stand in for inverses that are missing; zeros are there from the start. */
    private void standIn(List<Integer> missing) {
        if (withoutInverse == WithoutInverse.IDENTITY) {
            engine.adoptIdentity(missing);
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
        requireUsable();
        for (int layer = 0; layer < layers.size(); layer++) {
            if (!frozen[layer] && factors.isDue(layer)) {
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
        requireUsable();
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
     * @throws IllegalStateException if an arena is closed or another thread's, or this is closed;
     *     nothing is changed
     */
    public void accumulate(String layer, Memory inputs, Memory outputGradients, Batch batch) {
        requireUsable();
        int place = layers.index(layer);
        var contribution = layers.contribution(place, inputs, outputGradients, batch);
        if (!factors.isDue(place)) {
            return;
        }
        engine.accumulate(place, LossScales.known(contribution, execution));
        factors.contributed(place);
    }

    /** Drops what was accumulated for the coming step. */
    public void discard() {
        requireUsable();
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
        requireUsable();
        if (factors.anyPending()) {
            throw new IllegalStateException(
                    "contributions were accumulated that no step has taken up yet; call step() or"
                            + " discard() first");
        }
        factors.settle();
        var undo = snapshot();
        try {
            engine.begin();
            var filled =
                    IntStream.range(0, layers.size())
                            .filter(layer -> factors.updates(layer) > 0)
                            .boxed()
                            .toList();
            return refresh(filled, factors.steps() - 1);
        } catch (RuntimeException | Error e) {
            takeBack(undo, e);
            throw e;
        }
    }

    private RefreshReport refresh(List<Integer> due, long step) {
        long refused =
                new Refresh(engine, plan, settings, withoutInverse).run(due, memories, reports);
        for (int layer : due) {
            inverses.refreshed(layer, step, factors.updates(layer), hasInverses(layer));
        }
        var found =
                new RefreshReport(
                        Arrays.stream(reports).filter(Objects::nonNull).toList(),
                        layersWithoutInverse(),
                        refused);
        report = found;
        return found;
    }

    /**
     * What came of the last refresh, if there was one; of a layer that had no part in it, what came
     * of its last one.
     */
    public Optional<RefreshReport> report() {
        return Optional.ofNullable(report);
    }

    /**
     * The layers of which a factor has no inverse now, in their order; {@link
     * Builder#withoutInverse} says what their steps are.
     */
    public List<String> layersWithoutInverse() {
        return IntStream.range(0, layers.size())
                .filter(layer -> !hasInverses(layer))
                .mapToObj(layer -> layers.get(layer).name())
                .toList();
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
        activate(newPlan);
        if (loaded) {
            var missing =
                    IntStream.range(0, plan.factors())
                            .filter(factor -> !memories[factor].hasInverse())
                            .boxed()
                            .toList();
            engine.adoptZeros(missing);
            standIn(missing);
            loaded = false;
        }
    }

    @Override
    public void release() {
        engine.discard();
        factors.discard();
        execution = null;
    }

    /** Notes which layers are preconditioned, and at which learning rate. */
    private void activate(StepPlan stepPlan) {
        var found = new ArrayList<Preconditioning>();
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var group = LayerList.groupOf(stepPlan, layer, layer.weight());
            var ofBias = layer.bias().map(bias -> LayerList.groupOf(stepPlan, layer, bias));
            boolean weight = !group.frozen();
            boolean bias = ofBias.isPresent() && !ofBias.get().frozen();
            frozen[place] = !weight && !bias;
            if (weight || bias) {
                var rule = weight ? group.rule() : ofBias.orElseThrow().rule();
                found.add(new Preconditioning(place, rule.learningRate(), weight, bias));
            }
        }
        active = List.copyOf(found);
    }

    private boolean hasInverses(int place) {
        return memories[2 * place].hasInverse() && memories[2 * place + 1].hasInverse();
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
        requireUsable();
        if (execution != null && execution.deviceStep().isPresent() != step instanceof DeviceStep) {
            throw new IllegalStateException(
                    "K-FAC must be built on the very backend that the optimizer steps on");
        }
        var wanted = withGradients();
        engine.check(wanted);
        var undo = snapshot();
        try {
            take(step, wanted);
        } catch (RuntimeException | Error e) {
            takeBack(undo, e);
            if (failure != null) {
                throw new PartialChangeException("a step failed half way", e);
            }
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

    private Runnable snapshot() {
        var ofFactors = factors.snapshot();
        var ofInverses = inverses.snapshot();
        var oldMemories = Arrays.stream(memories).map(FactorHistory::copy).toList();
        var oldReports = reports.clone();
        var oldReport = report;
        return () -> {
            ofFactors.run();
            ofInverses.run();
            for (int factor = 0; factor < memories.length; factor++) {
                memories[factor] = oldMemories.get(factor);
                reports[factor] = oldReports[factor];
            }
            report = oldReport;
        };
    }

    private void takeBack(Runnable undo, Throwable cause) {
        try {
            engine.undo();
            undo.run();
        } catch (RuntimeException | Error e) {
            cause.addSuppressed(e);
            failure = cause;
        }
    }

    private void requireUsable() {
        if (failure != null) {
            throw new IllegalStateException(
                    "this Kfac is unusable: a step or refresh failed half way, and what it had"
                        + " changed could not be taken back; close the optimizer, and load its last"
                        + " checkpoint into a new one. The failure was: "
                            + failure.getMessage(),
                    failure);
        }
    }

    /** The layers that take part, without the parameters that have no gradient. */
    private List<Preconditioning> withGradients() {
        for (int i = 0; i < active.size(); i++) {
            if (!takesPartWhole(active.get(i))) {
                return active.stream().map(this::withGradients).flatMap(Optional::stream).toList();
            }
        }
        return active;
    }

    private boolean takesPartWhole(Preconditioning each) {
        var layer = layers.get(each.layer());
        return (!each.weight() || layer.weight().hasGradient())
                && (!each.bias() || layer.bias().orElseThrow().hasGradient());
    }

    private Optional<Preconditioning> withGradients(Preconditioning each) {
        var layer = layers.get(each.layer());
        boolean weight = each.weight() && layer.weight().hasGradient();
        boolean bias = each.bias() && layer.bias().orElseThrow().hasGradient();
        return weight || bias
                ? Optional.of(new Preconditioning(each.layer(), each.learningRate(), weight, bias))
                : Optional.empty();
    }

    @Override
    public Map<String, String> metadata() {
        requireUsable();
        factors.settle();
        return describe().format();
    }

    @Override
    public List<StateTensor> states() {
        requireUsable();
        var states = new ArrayList<StateTensor>();
        for (int factor = 0; factor < plan.factors(); factor++) {
            states.add(engine.average(factor));
            states.add(engine.inverse(factor));
        }
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        requireUsable();
        KfacMetadata.parse(metadata, layers);
    }

    @Override
    public void restore(Map<String, String> metadata) {
        var found = KfacMetadata.parse(metadata, layers);
        engine.discard();
        loaded = true;
        report = null;
        Arrays.fill(reports, null);
        settings = settings.withDamping(found.damping());
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = found.histories().get(factor);
        }
        var updates = new long[layers.size()];
        var taken = new long[layers.size()];
        for (int place = 0; place < layers.size(); place++) {
            var layer = found.layers().get(place);
            engine.restore(place, layer.updates(), layer.refused());
            int inputs = 2 * place;
            layer.inputTrace().ifPresent(trace -> engine.restoreTrace(inputs, trace));
            layer.outputTrace().ifPresent(trace -> engine.restoreTrace(inputs + 1, trace));
            updates[place] = layer.updates();
            taken[place] = layer.taken(found.steps(), settings.factorPeriod());
            inverses.restore(
                    place,
                    layer.refreshed(found.steps(), settings.inversePeriod(), hasInverses(place)),
                    layer.seen(memories[2 * place]),
                    layer.updates() > layer.seen(memories[2 * place]));
        }
        factors.restore(found.steps(), updates, taken);
    }

    /** What a checkpoint has to say beside the tensors. */
    private KfacMetadata describe() {
        var states = engine.factors();
        var ofLayers = new ArrayList<KfacMetadata.Layer>();
        for (int place = 0; place < layers.size(); place++) {
            var state = states.get(2 * place);
            ofLayers.add(
                    new KfacMetadata.Layer(
                            layers.get(place).name(),
                            state.updates(),
                            state.refused(),
                            OptionalLong.of(factors.taken(place)),
                            OptionalLong.of(inverses.done(place)),
                            OptionalLong.of(inverses.seen(place)),
                            OptionalDouble.of(state.trace()),
                            OptionalDouble.of(states.get(2 * place + 1).trace())));
        }
        return new KfacMetadata(ofLayers, factors.steps(), settings.damping(), List.of(memories));
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
                    withoutInverse,
                    backend);
        }
    }
}
