package org.panoptim.bench;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;

/**
 * The Kronecker factors of a model, its gradients, and micro-batches for them, in the memory of the
 * backend that computes on them.
 */
final class KfacModel implements AutoCloseable {

    /** β of the factors' averages. */
    static final double DECAY = .95;

    /** Rows of an update: what {@link #update} accumulates for each layer. */
    static final int ROWS = 256;

    /** Of factors whose mean eigenvalue is about 1. */
    private static final double DAMPING = .1;

    /** The largest error of an inverse that K-FAC takes. */
    static final double TOLERANCE = 1e-3;

    private static final double LEARNING_RATE = 1e-3;
    private static final double KL_CLIP = 1e-3;
    private static final int GRADIENTS = 1;
    private static final int INPUTS = 2;
    private static final int OUTPUT_GRADIENTS = 3;
    private static final long ALIGNMENT = 512;
    private static final long BLOCK_BYTES = 1L << 22;
    private static final StepContext ACCEPTED = new StepContext(true, 1, 1, 1);

    private final List<Buffer> buffers = new ArrayList<>();
    private final Backend backend;
    private final KroneckerPlan plan;
    private final KroneckerEngine engine;
    private final Buffer values;
    private final Buffer gradients;
    private final Buffer inputs;
    private final Buffer outputGradients;
    private final int microBatch;

    /** With micro-batches as large as an update. */
    KfacModel(FactorSizes model, Backend backend) {
        this(model, backend, ROWS);
    }

    /**
     * Opens the factors, which are empty.
     *
     * @param microBatch rows of {@link #accumulate}, at least {@link #ROWS}
     */
    KfacModel(FactorSizes model, Backend backend, int microBatch) {
        this.backend = backend;
        this.microBatch = microBatch;
        try {
            long bytes = model.layers().stream().mapToLong(KfacModel::bytes).sum();
            values = allocate(bytes);
            gradients = allocate(bytes);
            plan = new KroneckerPlan(layers(model), DECAY);
            inputs = allocateRows(KroneckerLayer::inputs);
            outputGradients = allocateRows(KroneckerLayer::outputs);
            fill(values, GRADIENTS);
            fill(gradients, GRADIENTS);
            fill(inputs, INPUTS);
            fill(outputGradients, OUTPUT_GRADIENTS);
            engine = FactorEngines.of(backend).open(plan);
        } catch (RuntimeException | Error e) {
            buffers.forEach(Buffer::close);
            throw e;
        }
    }

    /** Why a backend cannot do this at all, as a reason to leave it out; empty if it can. */
    static Optional<String> refusal(Backend backend) {
        try (var _ = new KfacModel(FactorSizes.TINY, backend)) {
            return Optional.empty();
        } catch (UnsupportedPlanException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private Buffer allocate(long bytes) {
        var buffer = backend.allocate(bytes);
        buffers.add(buffer);
        return buffer;
    }

    private Buffer allocateRows(ToIntFunction<KroneckerLayer> columns) {
        int largest = plan.layers().stream().mapToInt(columns).max().orElseThrow();
        return allocate((long) Float.BYTES * microBatch * largest);
    }

    private static long bytes(FactorSizes.Layer layer) {
        return aligned((long) layer.outputs() * layer.inputs()) + aligned(layer.outputs());
    }

    private static long aligned(long elements) {
        return Math.ceilDiv(elements * Float.BYTES, ALIGNMENT) * ALIGNMENT;
    }

    private List<KroneckerLayer> layers(FactorSizes model) {
        var layers = new ArrayList<KroneckerLayer>();
        long offset = 0;
        for (var layer : model.layers()) {
            var name = "layer" + layers.size();
            var shape = Shape.of(layer.outputs(), layer.inputs());
            var weight = parameter(name + ".weight", shape, offset);
            offset += aligned(shape.elements());
            var bias = Optional.<Parameter>empty();
            if (layer.bias()) {
                bias = Optional.of(parameter(name + ".bias", Shape.of(layer.outputs()), offset));
            }
            offset += aligned(layer.outputs());
            layers.add(new KroneckerLayer(name, weight, bias));
        }
        return layers;
    }

    private Parameter parameter(String name, Shape shape, long offset) {
        long bytes = shape.elements() * Float.BYTES;
        return Parameter.of(name, shape, part(values.memory(), offset, bytes))
                .gradient(part(gradients.memory(), offset, bytes));
    }

    private static Memory part(Memory whole, long offset, long bytes) {
        return switch (whole) {
            case HostMemory host -> new HostMemory(host.segment().asSlice(offset, bytes));
            case DeviceMemory device -> new DeviceMemory(device.address() + offset, bytes);
        };
    }

    static void fill(Buffer buffer, int seed) {
        try (var arena = Arena.ofConfined()) {
            long bytes = buffer.memory().byteSize();
            var block = arena.allocate(Math.min(BLOCK_BYTES, bytes), Float.BYTES);
            var numbers = new Numbers(seed, 0);
            for (long done = 0; done < bytes; done += block.byteSize()) {
                var part = block.asSlice(0, Math.min(block.byteSize(), bytes - done));
                numbers.fill(part);
                buffer.write(done, part);
            }
        }
    }

    KroneckerPlan plan() {
        return plan;
    }

    KroneckerEngine engine() {
        return engine;
    }

    /**
     * Gives the gradients their first values, which are kept in the parameters' memory: the
     * factors' engine does not read that. On a device only; queued on its stream.
     */
    void refillGradients() {
        if (backend instanceof CudaBackend cuda) {
            cuda.device().enter();
            cuda.device()
                    .driver()
                    .copyOnDevice(
                            gradients.memory().address(),
                            values.memory().address(),
                            gradients.memory().byteSize(),
                            cuda.stream());
        }
    }

    /** The rows of a micro-batch. */
    int microBatch() {
        return microBatch;
    }

    /** Inversions of all factors. */
    List<Inversion> inversions(InversionMethod how) {
        return IntStream.range(0, plan.factors())
                .mapToObj(factor -> new Inversion(factor, DAMPING, how))
                .toList();
    }

    /** Updates every factor with rows of correlated elements, as activations are. */
    void update(int number) {
        var random = new Random(number);
        for (int i = 0; i < plan.layers().size(); i++) {
            var layer = plan.layers().get(i);
            try (var scratch = Arena.ofConfined()) {
                inputs.write(0, rows(layer.inputs(), random, scratch));
                outputGradients.write(0, rows(layer.outputs(), random, scratch));
                accumulate(i, ROWS);
            }
        }
        commit();
    }

    private static MemorySegment rows(int columns, Random random, Arena arena) {
        var rows = arena.allocate(JAVA_FLOAT, (long) ROWS * columns);
        for (int row = 0; row < ROWS; row++) {
            float drift = 0;
            for (int column = 0; column < columns; column++) {
                drift = .8f * drift + .6f * (float) random.nextGaussian();
                rows.setAtIndex(JAVA_FLOAT, (long) row * columns + column, drift);
            }
        }
        return rows;
    }

    private void accumulate(int layer, int rows) {
        engine.accumulate(
                layer,
                new Contribution(
                        inputs.memory(),
                        outputGradients.memory(),
                        Optional.empty(),
                        rows,
                        OptionalDouble.of(1),
                        OptionalDouble.of(1)));
    }

    /** Accumulates one micro-batch of every layer. */
    void accumulate() {
        for (int i = 0; i < plan.layers().size(); i++) {
            accumulate(i, microBatch);
        }
    }

    /** Takes what was accumulated into the averages. */
    void commit() {
        engine.commit(ACCEPTED);
    }

    /**
     * Inverts all factors from scratch, as a refresh does, and puts the inverses to use.
     *
     * @throws IllegalStateException if one is not good enough: then this measures nothing
     */
    void refresh() {
        engine.factors();
        var inversions = inversions(new InversionMethod.Cholesky(false));
        requireGoodEnough(engine.invert(inversions));
        engine.adopt(inversions.stream().map(Inversion::factor).toList());
    }

    /**
     * Demands that the inverses of all factors, in their order, have certificates that K-FAC takes.
     *
     * @throws IllegalStateException if one has not
     */
    void requireGoodEnough(List<Inverted> results) {
        for (int factor = 0; factor < results.size(); factor++) {
            if (isTooFar(results.get(factor))) {
                throw new IllegalStateException(
                        "factor %d of %d rows: %s"
                                .formatted(factor, plan.size(factor), results.get(factor)));
            }
        }
    }

    /** Whether an inverse is not good enough. */
    static boolean isTooFar(Inverted result) {
        return !(result.certifiedError() <= TOLERANCE);
    }

    /** Rewrites all gradients. */
    void precondition() {
        var all =
                IntStream.range(0, plan.layers().size())
                        .mapToObj(layer -> new Preconditioning(layer, LEARNING_RATE))
                        .toList();
        engine.precondition(ACCEPTED, all, KL_CLIP);
    }

    @Override
    public void close() {
        engine.close();
        buffers.forEach(Buffer::close);
    }
}
