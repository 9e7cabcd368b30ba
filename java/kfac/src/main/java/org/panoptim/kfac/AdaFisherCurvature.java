package org.panoptim.kfac;

import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Slot;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.WholeParameters;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * The Fisher information that the rule {@link AdaFisher} divides by: of the Kronecker factors of
 * each linear layer the diagonals, normalised to [0, 1] and averaged (Gomes et al., "AdaFisher:
 * Adaptive Second Order Optimization via Fisher Information", ICLR 2025).
 *
 * <p>It is the optimizer's transform, though it leaves gradients alone: on the steps where
 * contributions come, it hands each parameter of a layer {@code s hᵀ} as its curvature, computed
 * once the step is accepted. Until a layer's first update that is one everywhere. An optimizer that
 * takes the curvature over from a closed one begins with what the updates so far have come to.
 * Parameters of no layer need a group with another rule.
 *
 * <p>The period counts accepted steps, and an update that is due stays due, layer by layer, until
 * it was done: through refused steps, contributions of which no row counts or that are not finite,
 * and for a parameter that was frozen or had no gradient at the update, until it can take it.
 *
 * <p>With a {@linkplain org.panoptim.Optimizer.Builder#shards team} each member shows what its own
 * micro-batches see, which end with {@link org.panoptim.Optimizer#accumulate}; on a device that
 * waits for what they have contributed. All get what all have seen, in the order of the
 * micro-batches, and have the same averages; the parameters get their curvature when the step
 * begins. Once all micro-batches of a step have ended, contributions are refused up to the step;
 * or, if none came with them, up to a pass that uses their gradients up.
 *
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public final class AdaFisherCurvature extends LayerCurvature {

    /** Elements of a state that are written at a time. */
    private static final int WRITTEN_AT_ONCE = 1 << 18;

    private final FisherPlan plan;
    private final FisherEngine engine;
    private final Served[] served;

    /** Whether the optimizer is a team's. */
    private boolean shared;

    /** Which parameters of a layer its last update has reached. */
    private static final class Served {

        /** Weight and bias. */
        private boolean[] reached = {true, true};

        /** Those that an update of the last attempt with a contribution reaches. */
        private boolean[] reachable = reached;

        /** The layer's updates, as far as {@link #reached} tells of them. */
        private long updates;

        private final boolean[] frozen = {false, false};

        /** Takes up what has become of the last attempt with a contribution. */
        void learn(long newUpdates) {
            if (newUpdates > updates) {
                reached = reachable;
                updates = newUpdates;
            }
        }
    }

    private AdaFisherCurvature(LayerList layers, FisherPlan plan, FisherEngine engine, int period) {
        super("this curvature", "a step", layers, engine, period);
        this.plan = plan;
        this.engine = engine;
        served = new Served[layers.size()];
        for (int layer = 0; layer < served.length; layer++) {
            served[layer] = new Served();
        }
    }

    /**
     * Begins a description.
     *
     * @param backend the backend that the optimizer steps on
     */
    public static Builder builder(Backend backend) {
        return new Builder(backend);
    }

    @Override
    boolean isFrozen(int place) {
        boolean hasBias = layers.get(place).bias().isPresent();
        var frozen = served[place].frozen;
        return frozen[0] && (frozen[1] || !hasBias);
    }

    /**
     * Where an update is due since a parameter had no gradient at the last one, that must have one
     * by the time of a contribution.
     */
    @Override
    boolean isDue(int place) {
        return factors.isDue(place) || owes(place);
    }

    /** Whether the last update has not reached a parameter that could take it now. */
    private boolean owes(int place) {
        var reached = reached(place);
        var live = live(place);
        return live[0] && !reached[0] || live[1] && !reached[1];
    }

    /** Whether the last update that is known of has reached weight and bias. */
    private boolean[] reached(int place) {
        served[place].learn(factors.updates(place));
        return served[place].reached;
    }

    /** Whether weight and bias take part in the coming step. */
    private boolean[] live(int place) {
        var layer = layers.get(place);
        var frozen = served[place].frozen;
        return new boolean[] {
            layer.weight().hasGradient() && !frozen[0],
            layer.bias().map(Parameter::hasGradient).orElse(false) && !frozen[1]
        };
    }

    /** A team's curvature comes of the contributions of all. */
    @Override
    void contributed(int place) {
        if (!shared) {
            handIn(place);
        }
    }

    private void handIn(int place) {
        super.contributed(place);
        var layer = layers.get(place);
        layer.weight().curvature(engine.weight(place));
        layer.bias().ifPresent(bias -> bias.curvature(engine.bias(place)));
    }

    @Override
    public boolean gather(int leaves) {
        requireUsable();
        var found = engine.gather(dueLayers(), leaves);
        found.forEach(this::handIn);
        return !found.isEmpty();
    }

    @Override
    public void release() {
        super.release();
        shared = false;
    }

    /** Takes the curvature away again. */
    @Override
    void drop() {
        for (int place = 0; place < layers.size(); place++) {
            if (factors.isPending(place)) {
                layers.get(place).weight().clearCurvature();
                layers.get(place).bias().ifPresent(Parameter::clearCurvature);
            }
        }
        super.drop();
    }

    @Override
    public void check(StepPlan plan) {
        super.check(plan);
        var known = new HashSet<Parameter>();
        for (var layer : layers.all()) {
            known.add(layer.weight());
            layer.bias().ifPresent(known::add);
        }
        for (var group : plan.groups()) {
            for (var parameter : group.parameters()) {
                if (known.contains(parameter) != group.rule() instanceof AdaFisher) {
                    throw new IllegalArgumentException(
                            "group '%s': parameter '%s' %s"
                                    .formatted(
                                            group.name(),
                                            parameter.name(),
                                            known.contains(parameter)
                                                    ? "belongs to a layer, so its rule must be"
                                                            + " ada-fisher, but is "
                                                            + group.rule().name()
                                                    : "belongs to no layer, so its rule must not be"
                                                            + " ada-fisher"));
                }
            }
        }
    }

    @Override
    void adopt(StepPlan plan) {
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var frozen = served[place].frozen;
            frozen[0] = LayerList.groupOf(plan, layer, layer.weight()).frozen();
            frozen[1] =
                    layer.bias()
                            .map(bias -> LayerList.groupOf(plan, layer, bias).frozen())
                            .orElse(false);
        }
    }

    /** All members of a team have the averages, and need no parameter whole. */
    @Override
    public Optional<List<WholeParameters>> wholeParameters() {
        return Optional.of(List.of());
    }

    @Override
    public SequencedMap<String, String> settings() {
        var found = new LinkedHashMap<String, String>();
        found.put("AdaFisher's average", plan.average().toString());
        found.put("AdaFisher's decay", String.valueOf(plan.decay()));
        found.put("AdaFisher's factor period", String.valueOf(factors.period()));
        found.put("AdaFisher's layers", layers.names().toString());
        return found;
    }

    /** The rule's own copy begins as the averages are, with ones before there was an update. */
    @Override
    void begin(StepPlan newPlan, Execution execution) {
        shared = newPlan.shares().team().isPresent();
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var inputs = engine.average(2 * place).toArray();
            var outputs = engine.average(2 * place + 1).toArray();
            var ofWeight = Arrays.copyOf(inputs, layer.inputs());
            write(outputs, ofWeight, newPlan, execution, layer, layer.weight());
            if (layer.bias().isPresent()) {
                var ofBias = new float[] {inputs[layer.inputs()]};
                write(outputs, ofBias, newPlan, execution, layer, layer.bias().get());
            }
        }
    }

    /** Sets what is here of a parameter's state to {@code s hᵀ}, some elements at a time. */
    private static void write(
            float[] outputs,
            float[] inputs,
            StepPlan plan,
            Execution execution,
            KroneckerLayer layer,
            Parameter parameter) {
        var state = fisher(plan, execution, layer, parameter);
        long begin = plan.shares().begin(parameter);
        long end = plan.shares().end(parameter);
        for (long from = begin; from < end; from += WRITTEN_AT_ONCE) {
            var piece = new float[(int) Math.min(WRITTEN_AT_ONCE, end - from)];
            for (int i = 0; i < piece.length; i++) {
                int row = (int) ((from + i) / inputs.length);
                piece[i] = outputs[row] * inputs[(int) ((from + i) % inputs.length)];
            }
            state.write((from - begin) * Float.BYTES, MemorySegment.ofArray(piece));
        }
    }

    private static StateTensor fisher(
            StepPlan plan, Execution execution, KroneckerLayer layer, Parameter parameter) {
        var slots = LayerList.groupOf(plan, layer, parameter).rule().slots();
        return execution.state(
                parameter, slots.stream().map(Slot::name).toList().indexOf("fisher"));
    }

    @Override
    Runnable snapshot() {
        return factors.snapshot();
    }

    @Override
    void take(StepFacts step) {
        engine.commit(step);
        factors.attempted(step, false);
    }

    /**
     * Notes which parameters the contributions to the attempt that is being made reach. If it fails
     * and is discarded, that means nothing: what became of those before is known.
     */
    @Override
    void prepare() {
        for (int place = 0; place < served.length; place++) {
            if (factors.isPending(place)) {
                var live = live(place);
                if (!Arrays.equals(live, served[place].reachable)) {
                    // Which of them an earlier attempt has reached must be known before.
                    factors.resolve();
                }
                served[place].learn(factors.updates(place));
                served[place].reachable = live;
            }
        }
    }

    @Override
    public Map<String, String> metadata() {
        requireUsable();
        factors.settle();
        var states = engine.factors();
        var ofLayers = new ArrayList<AdaFisherMetadata.Layer>();
        for (int i = 0; i < layers.size(); i++) {
            var reached = reached(i);
            var state = states.get(2 * i);
            ofLayers.add(
                    new AdaFisherMetadata.Layer(
                            state.updates(),
                            state.refused(),
                            factors.taken(i),
                            reached[0],
                            reached[1]));
        }
        return new AdaFisherMetadata(factors.steps(), ofLayers).format(layers);
    }

    @Override
    public List<StateTensor> states() {
        requireUsable();
        var states = new ArrayList<StateTensor>();
        for (int factor = 0; factor < 2 * layers.size(); factor++) {
            states.add(engine.average(factor));
        }
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        requireUsable();
        AdaFisherMetadata.check(metadata, layers, factors.period());
    }

    @Override
    public void restore(Map<String, String> metadata) {
        drop();
        var saved = AdaFisherMetadata.parse(metadata, layers, factors.period());
        var updates = new long[layers.size()];
        var taken = new long[layers.size()];
        for (int i = 0; i < layers.size(); i++) {
            var layer = saved.layers().get(i);
            engine.restore(i, layer.updates(), layer.refused());
            updates[i] = layer.updates();
            taken[i] = layer.taken();
            served[i].reached = new boolean[] {layer.weight(), layer.bias()};
            served[i].updates = layer.updates();
        }
        factors.restore(saved.steps(), updates, taken);
    }

    /** Describes the layers and how their diagonals are averaged. */
    public static final class Builder extends LayerCurvature.Builder<Builder> {

        private FisherAverage average = FisherAverage.NORMALISED_EMA;
        private double decay = .92;
        private int period = 100;

        private Builder(Backend backend) {
            super(backend);
        }

        @Override
        Builder self() {
            return this;
        }

        /** How diagonals are averaged; {@link FisherAverage#NORMALISED_EMA} by default. */
        public Builder average(FisherAverage value) {
            average = value;
            return this;
        }

        /** γ of the averages, in [0, 1); .92 by default. */
        public Builder decay(double value) {
            decay = value;
            return this;
        }

        /**
         * Accepted steps from one update of the diagonals to the next, at least 1; 100 by default.
         */
        public Builder period(int value) {
            if (value < 1) {
                throw new IllegalArgumentException("period must be at least 1, but is " + value);
            }
            period = value;
            return this;
        }

        /**
         * Allocates the diagonals and a curvature for each parameter of a layer, on the backend.
         *
         * @throws IllegalArgumentException if a setting is out of range or there is no layer
         * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot, with the reason
         */
        public AdaFisherCurvature build() {
            var ofInstance = layers.copy();
            var plan = new FisherPlan(ofInstance.all(), average, decay);
            var engine = FactorEngines.of(backend.on(ofInstance.parameters())).open(plan);
            return new AdaFisherCurvature(ofInstance, plan, engine, period);
        }
    }
}
