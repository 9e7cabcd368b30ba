package org.panoptim.kfac;

import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.WholeParameters;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

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
 * <p>With a {@linkplain org.panoptim.Optimizer.Builder#shards team} each member shows what its own
 * micro-batches see, which end with {@link org.panoptim.Optimizer#accumulate}; once all of a step
 * have ended, contributions are refused up to the step, or, if none came with them, up to a pass
 * that uses their gradients up. A layer belongs to one member, who owns its parameters whole, gets
 * the sums of both factors and inverts them alone; {@link #refresh}, {@link #report} and {@link
 * #layersWithoutInverse} are about the own layers then. A checkpoint has what all owners know, for
 * a team of any size. Once a team has shared it out, it goes with no other.
 *
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public final class Kfac extends LayerCurvature {

    private final KroneckerPlan plan;
    private final KroneckerEngine engine;
    private final WithoutInverse withoutInverse;
    private final FactorRecords records;
    private final InverseSchedule inverses;
    private final ActiveLayers active;
    private final KfacProgress progress;
    private KfacSettings settings;

    /** What the coming step preconditions. */
    private List<Preconditioning> wanted = List.of();

    /** Whether a checkpoint may have brought something else for inverses that are missing. */
    private boolean loaded;

    private Kfac(
            LayerList layers,
            KroneckerPlan plan,
            KroneckerEngine engine,
            KfacSettings settings,
            WithoutInverse withoutInverse) {
        super("this Kfac", "a step or refresh", layers, engine, settings.factorPeriod());
        this.plan = plan;
        this.engine = engine;
        this.settings = settings;
        this.withoutInverse = withoutInverse;
        records = new FactorRecords(layers, engine, withoutInverse);
        inverses = new InverseSchedule(layers.size(), settings.inversePeriod());
        active = new ActiveLayers(layers);
        progress = new KfacProgress(layers, engine, factors, inverses, records);
        try {
            records.standIn();
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, engine::close);
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

    @Override
    boolean isFrozen(int layer) {
        return active.isFrozen(layer);
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
        var undo = progress.snapshot();
        try {
            engine.begin();
            return refresh(own(factors.updatedLayers()), factors.steps() - 1);
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

    /** Those whose inverses are computed here: of a team, this member's. */
    private List<Integer> own(List<Integer> due) {
        return due.stream().filter(engine::owns).toList();
    }

    @Override
    public Optional<List<WholeParameters>> wholeParameters() {
        return Optional.of(layers.all().stream().map(this::whole).toList());
    }

    /** A layer's parameters have the owner of its factors, so that no inverse has to travel. */
    private WholeParameters whole(KroneckerLayer layer) {
        double inputs = layer.inputFactor();
        double outputs = layer.outputs();
        double inverting = inputs * inputs * inputs + outputs * outputs * outputs;
        return new WholeParameters(
                Stream.concat(Stream.of(layer.weight()), layer.bias().stream()).toList(),
                inverting / settings.inversePeriod() + inputs * outputs * (inputs + outputs));
    }

    @Override
    public SequencedMap<String, String> settings() {
        var found = settings.named();
        found.put("K-FAC's steps without inverse", withoutInverse.toString());
        found.put("K-FAC's layers", layers.names().toString());
        return found;
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
    void adopt(StepPlan newPlan) {
        active.follow(newPlan);
        if (loaded) {
            records.standInAnew();
            loaded = false;
        }
    }

    @Override
    void prepare() {
        wanted = active.withGradients();
        engine.check(wanted);
    }

    @Override
    Runnable snapshot() {
        return progress.snapshot();
    }

    @Override
    void take(StepFacts step) {
        inverses.contributed(factors);
        // On the host what was decided is known anyway, and a team waits for it.
        boolean ask =
                step instanceof StepContext
                        || engine.isShared()
                        || inverses.mayBeDue(factors.atMost());
        engine.commit(step);
        boolean accepted = factors.attempted(step, ask);
        if (ask && accepted) {
            long number = factors.steps() - 1;
            var due = own(inverses.due(number, factors));
            if (!due.isEmpty()) {
                refresh(due, number);
            }
        }
        engine.precondition(step, wanted, settings.klClip());
    }

    @Override
    public Map<String, String> metadata() {
        requireUsable();
        factors.settle();
        return progress.metadata(settings.damping());
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
    public List<Shape> stateShapes() {
        return IntStream.range(0, plan.factors())
                .mapToObj(plan::size)
                .map(size -> Shape.of(size, size))
                .flatMap(shape -> Stream.of(shape, shape))
                .toList();
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        requireUsable();
        progress.check(metadata);
    }

    @Override
    public void restore(Map<String, String> metadata) {
        settings = progress.restore(metadata, settings);
        loaded = true;
    }

    /** Describes the layers and how they are preconditioned. */
    public static final class Builder extends LayerCurvature.Builder<Builder> {

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
            super(backend);
        }

        @Override
        Builder self() {
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
            var settings =
                    new KfacSettings(
                            damping,
                            piCorrection,
                            factorDecay,
                            klClip,
                            factorPeriod,
                            inversePeriod,
                            tolerance,
                            newtonError);
            var ofInstance = layers.copy();
            var plan = new KroneckerPlan(ofInstance.all(), settings.decayOfUpdate());
            var engine = FactorEngines.of(backend.on(ofInstance.parameters())).open(plan);
            return new Kfac(ofInstance, plan, engine, settings, withoutInverse);
        }
    }
}
