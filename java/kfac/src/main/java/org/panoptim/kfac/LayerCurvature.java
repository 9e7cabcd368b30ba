package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Curvature of linear layers from what they see in each step: {@linkplain #accumulate
 * contributions} that the optimizer's step takes up if it is accepted.
 *
 * <p>The period of contributions counts accepted steps, and what is due stays due until it was
 * done, layer by layer. A step that fails is taken back: all is as before, and it can be called
 * again. Where a device has already overwritten what would be needed for that, the curvature says
 * so, and refuses everything but {@link #close} from then on.
 *
 * <p>An instance belongs to one optimizer, and to one thread at a time. Its builder's caller closes
 * it, after the optimizer and before the backend.
 */
public abstract sealed class LayerCurvature implements CurvatureTransform, AutoCloseable
        permits Kfac, AdaFisherCurvature {

    private final String name;
    private final FactorEngine engine;
    final LayerList layers;
    final FactorSchedule factors;
    final Rollback rollback;
    private @Nullable Execution execution;
    private boolean closed;

    /**
     * Curvature of these layers.
     *
     * @param name what it is called in errors, for example {@code "this Kfac"}
     * @param work what may fail half way, for example {@code "a step"}
     * @param engine closed with this
     * @param period accepted steps from one update to the next
     */
    LayerCurvature(String name, String work, LayerList layers, FactorEngine engine, int period) {
        this.name = name;
        this.layers = layers;
        this.engine = engine;
        factors = new FactorSchedule(engine, layers.size(), period);
        rollback = new Rollback(engine, name, work);
    }

    /** Refuses work once this is closed, or something could not be taken back. */
    final void requireUsable() {
        if (closed) {
            throw new IllegalStateException(name + " is closed");
        }
        rollback.requireUsable();
    }

    /** Whether a layer's contributions to the coming step are taken up. */
    boolean isDue(int layer) {
        return factors.isDue(layer);
    }

    /** Whether all parameters of a layer are frozen. */
    abstract boolean isFrozen(int layer);

    /** Takes note of a contribution. */
    void contributed(int layer) {
        factors.contributed(layer);
    }

    /** Begins with an optimizer. */
    void begin(StepPlan plan, Execution newExecution) {}

    /** Takes up the groups of the optimizer as they are now. */
    abstract void adopt(StepPlan plan);

    /** Does what comes before anything of a step can fail half way. */
    abstract void prepare();

    /** What takes back the changes of the coming {@link #take} that are not the engine's. */
    abstract Runnable snapshot();

    /** Takes up what was accumulated, and does what else belongs to a step. */
    abstract void take(StepFacts step);

    /**
     * Whether the coming step takes up contributions of any layer that is not frozen. With a period
     * of more than one step this may wait for a device, to learn whether it has accepted the last
     * ones.
     */
    public final boolean factorsDue() {
        requireUsable();
        for (int layer = 0; layer < layers.size(); layer++) {
            if (!isFrozen(layer) && isDue(layer)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether the coming step takes up a layer's contributions.
     *
     * @throws IllegalArgumentException if there is no such layer
     */
    public final boolean factorsDue(String layer) {
        requireUsable();
        return isDue(layers.index(layer));
    }

    /**
     * Adds what a layer saw in a micro-batch to what the coming step takes up, if that is
     * {@linkplain #factorsDue(String) due}. Rows are samples, or the tokens of sequences. All
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
     * @throws IllegalStateException if an arena is closed or another thread's, this is closed, the
     *     loss scale is not stated and there is no optimizer to ask for it, or all micro-batches of
     *     this member of a team have ended; nothing is changed. Where another thread closes an
     *     arena while K-FAC reads it, the layer's earlier micro-batches of the step are dropped
     *     with this one.
     */
    public final void accumulate(String layer, Memory inputs, Memory outputGradients, Batch batch) {
        requireUsable();
        int place = layers.index(layer);
        var contribution = layers.contribution(place, inputs, outputGradients, batch);
        if (!isDue(place)) {
            return;
        }
        engine.accumulate(place, LossScales.known(layer, contribution, execution));
        contributed(place);
    }

    /** As {@link #accumulate(String, Memory, Memory, Batch)}, of host memory. */
    public final void accumulate(
            String layer, MemorySegment inputs, MemorySegment outputGradients, Batch batch) {
        accumulate(layer, new HostMemory(inputs), new HostMemory(outputGradients), batch);
    }

    /** Drops what was accumulated for the coming step. */
    @Override
    public final void discard() {
        requireUsable();
        drop();
    }

    void drop() {
        engine.discard();
        factors.discard();
    }

    @Override
    public void check(StepPlan plan) {
        layers.requireIn(plan);
    }

    @Override
    public final void follow(StepPlan plan, Execution newExecution) {
        if (execution == null) {
            engine.share(plan.shares());
            begin(plan, newExecution);
            newExecution.deviceStep().ifPresent(engine::attach);
            factors.follow(newExecution);
        } else if (execution != newExecution) {
            throw new IllegalStateException(name + " belongs to another optimizer");
        }
        adopt(plan);
        execution = newExecution;
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
    public final void endLeaf(int leaves) {
        requireUsable();
        engine.endLeaf(dueLayers(), leaves);
    }

    @Override
    public final void gradientsUsed() {
        requireUsable();
        engine.gradientsUsed(dueLayers());
    }

    final List<Integer> dueLayers() {
        return IntStream.range(0, layers.size()).filter(this::isDue).boxed().toList();
    }

    @Override
    public final boolean queuesOn(Execution steps) {
        return engine.queuesOn(steps);
    }

    @Override
    public final void transform(StepContext step) {
        run(step);
    }

    @Override
    public final void enqueue(DeviceStep step) {
        run(step);
    }

    private void run(StepFacts step) {
        requireUsable();
        if (execution != null && execution.deviceStep().isPresent() != step instanceof DeviceStep) {
            throw new IllegalStateException(
                    name + " must be built on the very backend that the optimizer steps on");
        }
        prepare();
        var undo = snapshot();
        try {
            engine.endOnlyLeaf(dueLayers());
            take(step);
        } catch (Throwable e) {
            // Checked exceptions too, which other languages of the JVM throw without saying so.
            rollback.takeBackStep(undo, e);
            throw e;
        }
    }

    /** Frees what was kept for the layers; closing twice is harmless. */
    @Override
    public final void close() {
        if (execution != null) {
            throw new IllegalStateException(
                    "an optimizer still uses %s; close it first".formatted(name));
        }
        closed = true;
        engine.close();
    }

    /**
     * Describes layers.
     *
     * @param <B> the description's own type
     */
    public abstract static sealed class Builder<B extends Builder<B>>
            permits Kfac.Builder, AdaFisherCurvature.Builder {

        final Backend backend;
        final LayerList layers = new LayerList();

        Builder(Backend backend) {
            this.backend = backend;
        }

        abstract B self();

        /**
         * Adds a linear layer.
         *
         * @param weight outputs × inputs, float32, contiguous
         * @param bias outputs, float32
         * @throws IllegalArgumentException if the name is taken, a parameter is another layer's, or
         *     shapes, types or the weight's order in memory do not fit
         */
        public final B layer(String name, Parameter weight, Parameter bias) {
            layers.add(name, weight, Optional.of(bias));
            return self();
        }

        /** Adds a linear layer without a bias. */
        public final B layer(String name, Parameter weight) {
            layers.add(name, weight, Optional.empty());
            return self();
        }
    }
}
