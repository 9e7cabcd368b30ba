package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Slot;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public final class AdaFisherCurvature implements CurvatureTransform, AutoCloseable {

    /** Elements of a state that are written at a time, if a row is not longer. */
    private static final int WRITTEN_AT_ONCE = 1 << 18;

    private final LayerList layers;
    private final FisherEngine engine;
    private final FactorSchedule factors;
    private final Served[] served;
    private final Rollback rollback;
    private @Nullable Execution execution;

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

    private AdaFisherCurvature(LayerList layers, FisherPlan plan, int period, Backend backend) {
        this.layers = layers;
        engine = FactorEngines.of(backend.on(layers.parameters())).open(plan);
        factors = new FactorSchedule(engine, layers.size(), period);
        rollback = new Rollback(engine, "this curvature", "a step");
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

    /**
     * Whether the coming step updates the diagonals of any layer that is not frozen; if not,
     * contributions are ignored. This may wait for a device, to learn whether it has accepted the
     * last steps.
     */
    public boolean factorsDue() {
        rollback.requireUsable();
        for (int place = 0; place < layers.size(); place++) {
            boolean hasBias = layers.get(place).bias().isPresent();
            var frozen = served[place].frozen;
            if (!(frozen[0] && (frozen[1] || !hasBias)) && isDue(place)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether the coming step updates a layer's diagonals.
     *
     * @throws IllegalArgumentException if there is no such layer
     */
    public boolean factorsDue(String layer) {
        rollback.requireUsable();
        return isDue(layers.index(layer));
    }

    private boolean isDue(int place) {
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

    /**
     * Adds what a layer saw in a micro-batch; see {@link Kfac#accumulate}. Where an update is due
     * since a parameter had no gradient at the last one, that must have one by now.
     *
     * @throws IllegalArgumentException if there is no such layer, sizes do not agree, or the memory
     *     is not the backend's; nothing is changed
     * @throws IllegalStateException if an arena is closed or another thread's, this is closed, or
     *     the loss scale is not stated and there is no optimizer to ask for it; nothing is changed
     */
    public void accumulate(String layer, Memory inputs, Memory outputGradients, Batch batch) {
        rollback.requireUsable();
        int place = layers.index(layer);
        var contribution = layers.contribution(place, inputs, outputGradients, batch);
        if (!isDue(place)) {
            return;
        }
        engine.accumulate(place, LossScales.known(layer, contribution, execution));
        factors.contributed(place);
        var described = layers.get(place);
        described.weight().curvature(engine.weight(place));
        described.bias().ifPresent(bias -> bias.curvature(engine.bias(place)));
    }

    /** Drops what was accumulated for the coming step, and takes the curvature away again. */
    public void discard() {
        rollback.requireUsable();
        drop();
    }

    private void drop() {
        for (int place = 0; place < layers.size(); place++) {
            if (factors.isPending(place)) {
                layers.get(place).weight().clearCurvature();
                layers.get(place).bias().ifPresent(Parameter::clearCurvature);
            }
        }
        engine.discard();
        factors.discard();
    }

    /** As {@link #accumulate(String, Memory, Memory, Batch)}, of host memory. */
    public void accumulate(
            String layer, MemorySegment inputs, MemorySegment outputGradients, Batch batch) {
        accumulate(layer, new HostMemory(inputs), new HostMemory(outputGradients), batch);
    }

    @Override
    public void check(StepPlan plan) {
        layers.requireIn(plan);
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
    public void follow(StepPlan plan, Execution newExecution) {
        if (execution == null) {
            begin(plan, newExecution);
            newExecution.deviceStep().ifPresent(engine::attach);
            factors.follow(newExecution);
        } else if (execution != newExecution) {
            throw new IllegalStateException("this curvature belongs to another optimizer");
        }
        execution = newExecution;
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

    /** The rule's own copy begins as the averages are, with ones before there was an update. */
    private void begin(StepPlan plan, Execution execution) {
        for (int place = 0; place < layers.size(); place++) {
            var layer = layers.get(place);
            var inputs = engine.average(2 * place).toArray();
            var outputs = engine.average(2 * place + 1).toArray();
            var ofWeight = Arrays.copyOf(inputs, layer.inputs());
            write(outputs, ofWeight, fisher(plan, execution, layer, layer.weight()));
            if (layer.bias().isPresent()) {
                var ofBias = new float[] {inputs[layer.inputs()]};
                write(outputs, ofBias, fisher(plan, execution, layer, layer.bias().get()));
            }
        }
    }

    private static StateTensor fisher(
            StepPlan plan, Execution execution, KroneckerLayer layer, Parameter parameter) {
        var slots = LayerList.groupOf(plan, layer, parameter).rule().slots();
        return execution.state(
                parameter, slots.stream().map(Slot::name).toList().indexOf("fisher"));
    }

    /** Sets a state to {@code s hᵀ}, a number of rows at a time. */
    private static void write(float[] outputs, float[] inputs, StateTensor state) {
        int rows = Math.clamp(WRITTEN_AT_ONCE / inputs.length, 1, outputs.length);
        var piece = new float[rows * inputs.length];
        for (int first = 0; first < outputs.length; first += rows) {
            int count = Math.min(rows, outputs.length - first) * inputs.length;
            for (int i = 0; i < count; i++) {
                piece[i] = outputs[first + i / inputs.length] * inputs[i % inputs.length];
            }
            state.write(
                    (long) first * inputs.length * Float.BYTES,
                    MemorySegment.ofArray(piece).asSlice(0, (long) count * Float.BYTES));
        }
    }

    @Override
    public void release() {
        try {
            factors.settle();
        } finally {
            drop();
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
                    "the curvature must be built on the very backend that the optimizer steps on");
        }
        reach();
        var undo = factors.snapshot();
        try {
            engine.commit(step);
            factors.attempted(step, false);
        } catch (RuntimeException | Error e) {
            rollback.takeBackStep(undo, e);
            throw e;
        }
    }

    /**
     * Notes which parameters the contributions to the attempt that is being made reach. If it fails
     * and is discarded, that means nothing: what became of those before is known.
     */
    private void reach() {
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
        rollback.requireUsable();
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
        rollback.requireUsable();
        var states = new ArrayList<StateTensor>();
        for (int factor = 0; factor < 2 * layers.size(); factor++) {
            states.add(engine.average(factor));
        }
        return states;
    }

    @Override
    public void checkMetadata(Map<String, String> metadata) {
        rollback.requireUsable();
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

    /** Frees the diagonals; closing twice is harmless. */
    @Override
    public void close() {
        if (execution != null) {
            throw new IllegalStateException(
                    "an optimizer still uses this curvature; close it first");
        }
        engine.close();
    }

    /** Describes the layers and how their diagonals are averaged. */
    public static final class Builder {

        private final Backend backend;
        private final LayerList layers = new LayerList();
        private FisherAverage average = FisherAverage.NORMALISED_EMA;
        private double decay = .92;
        private int period = 100;

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
            return new AdaFisherCurvature(
                    layers.copy(), new FisherPlan(layers.all(), average, decay), period, backend);
        }
    }
}
