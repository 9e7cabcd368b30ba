package org.panoptim.kfac.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.matrix.Floats;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** AdaFisher's diagonals in host memory, in plain Java: their work is a small part of a step. */
public final class HostFisher implements FisherEngine {

    /** Keeps the normalisation of equal elements finite. */
    private static final double GUARD = 1e-6;

    private final FisherPlan plan;
    private final Runnable onClose;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment[] averages;

    /** Of each layer with pending rows. */
    private final MeanSquares[] pending;

    private final MemorySegment[] weights;
    private final MemorySegment[] biases;
    private final PendingRows[] layers;

    /**
     * Of each layer, whether there was a contribution since the last commit, of no rows perhaps.
     */
    private final boolean[] contributed;

    /** Whose elements of the curvatures are written. */
    private Shares shares = Shares.whole();

    /** What waits for the members of a team, if there is one. */
    private Optional<SharedDiagonals> shared = Optional.empty();

    /** What undoes the last commit, the last first. */
    private final Deque<Runnable> undo = new ArrayDeque<>();

    private boolean closed;

    /**
     * Allocates averages and curvatures, all ones.
     *
     * @param onClose run once, when the engine is closed
     */
    public HostFisher(FisherPlan plan, Runnable onClose) {
        plan.layers().forEach(KroneckerLayer::requireHost);
        this.plan = plan;
        this.onClose = onClose;
        int count = plan.layers().size();
        averages = new MemorySegment[2 * count];
        pending = new MeanSquares[count];
        weights = new MemorySegment[count];
        biases = new MemorySegment[count];
        layers = new PendingRows[count];
        contributed = new boolean[count];
        for (int layer = 0; layer < count; layer++) {
            var described = plan.layers().get(layer);
            layers[layer] = new PendingRows();
            weights[layer] = ones((long) described.outputs() * described.inputs());
            biases[layer] = ones(described.bias().isPresent() ? described.outputs() : 0);
            for (int side = 0; side < 2; side++) {
                averages[2 * layer + side] = ones(described.factorSize(side));
            }
        }
    }

    private MemorySegment ones(long count) {
        var values = arena.allocate(count * Float.BYTES, 64);
        for (long i = 0; i < count; i++) {
            Floats.set(values, i, 1);
        }
        return values;
    }

    @Override
    public void accumulate(int layer, Contribution contribution) {
        requireOpen();
        try (var scratch = Arena.ofConfined()) {
            var described = plan.layers().get(layer);
            shared.ifPresent(each -> each.requireIncomplete(described));
            var rows = HostRows.of(described, contribution, scratch);
            if (rows.count() == 0) {
                add(layer, MeanSquares.NONE);
                return;
            }
            double scale =
                    contribution.averagedOver().orElse(rows.count())
                            / contribution.lossScale().orElseThrow();
            // Reading may fail, since another thread may close an arena: nothing is changed before.
            var inputs = meanSquares(rows.inputs(), rows.count(), described.inputs(), 1);
            var outputs =
                    meanSquares(rows.outputGradients(), rows.count(), described.outputs(), scale);
            add(layer, new MeanSquares(rows.count(), inputs, outputs));
        }
    }

    private void add(int layer, MeanSquares squares) {
        contributed[layer] = true;
        if (squares.rows() > 0) {
            boolean first = layers[layer].rows() == 0;
            pending[layer] = first ? squares : pending[layer].and(squares);
            layers[layer].add(squares.rows());
        }
    }

    private static double[] meanSquares(MemorySegment rows, long count, int columns, double scale) {
        var mean = new double[columns];
        for (int column = 0; column < columns; column++) {
            double squares = 0;
            for (long row = 0; row < count; row++) {
                double value = Floats.get(rows, row * columns + column) * scale;
                squares += value * value;
            }
            mean[column] = squares / count;
        }
        return mean;
    }

    @Override
    public void share(Shares newShares) {
        if (newShares.team().isPresent() && !waiting().isEmpty()) {
            throw new IllegalStateException(
                    "contributions came before the team's optimizer was built");
        }
        shares = newShares;
        shared = newShares.team().map(team -> new SharedDiagonals(plan, team));
    }

    /** What layers have contributed. */
    private Map<Integer, MeanSquares> waiting() {
        var found = new HashMap<Integer, MeanSquares>();
        for (int layer = 0; layer < layers.length; layer++) {
            if (contributed[layer]) {
                boolean none = layers[layer].rows() == 0;
                found.put(layer, none ? MeanSquares.NONE : pending[layer]);
            }
        }
        return found;
    }

    private Map<Integer, MeanSquares> take() {
        var found = waiting();
        forget();
        return found;
    }

    @Override
    public void endLeaf(List<Integer> due, int leaves) {
        requireOpen();
        shared.orElseThrow().end(take(), leaves);
    }

    @Override
    public void gradientsUsed(List<Integer> due) {
        requireOpen();
        shared.ifPresent(each -> each.gradientsUsed(take()));
    }

    @Override
    public List<Integer> gather(List<Integer> due, int leaves) {
        requireOpen();
        var found = shared.orElseThrow().gather(due, leaves, take());
        found.forEach(this::add);
        return List.copyOf(found.keySet());
    }

    @Override
    public void begin() {
        requireOpen();
        undo.clear();
    }

    @Override
    public void undo() {
        while (!undo.isEmpty()) {
            undo.pop().run();
        }
    }

    @Override
    public long[] updates() {
        requireOpen();
        return Arrays.stream(layers).mapToLong(PendingRows::updates).toArray();
    }

    @Override
    public void commit(StepFacts step) {
        begin();
        var context = (StepContext) step;
        for (int layer = 0; layer < layers.length; layer++) {
            if (contributed[layer]) {
                remember(layer);
                if (context.accepted() && layers[layer].rows() > 0) {
                    commit(layer);
                } else {
                    layers[layer].forget();
                }
                if (context.accepted()) {
                    // The rule reads it in this step, with this step's loss scale.
                    write(layer, (float) (1 / context.gradientScale()));
                }
                contributed[layer] = false;
            }
        }
    }

    private void remember(int layer) {
        var state = layers[layer];
        var before = state.snapshot();
        var inputs = averages[2 * layer].toArray(JAVA_FLOAT);
        var outputs = averages[2 * layer + 1].toArray(JAVA_FLOAT);
        undo.push(
                () -> {
                    contributed[layer] = true;
                    state.putBack(before);
                    averages[2 * layer].copyFrom(MemorySegment.ofArray(inputs));
                    averages[2 * layer + 1].copyFrom(MemorySegment.ofArray(outputs));
                });
    }

    private void commit(int layer) {
        var inputs = pending[layer].inputs();
        if (plan.layers().get(layer).bias().isPresent()) {
            inputs = Arrays.copyOf(inputs, inputs.length + 1);
            inputs[inputs.length - 1] = 1;
        }
        var outputs = pending[layer].outputGradients();
        boolean finite = isFinite(inputs) && isFinite(outputs);
        if (finite) {
            long update = layers[layer].updates() + 1;
            average(averages[2 * layer], inputs, update);
            average(averages[2 * layer + 1], outputs, update);
        }
        layers[layer].taken(finite);
    }

    private static boolean isFinite(double[] values) {
        return Double.isFinite(Arrays.stream(values).sum());
    }

    private void average(MemorySegment average, double[] diagonal, long update) {
        double lowest = Arrays.stream(diagonal).min().orElseThrow();
        double highest = Arrays.stream(diagonal).max().orElseThrow();
        double keep = plan.average().keep(plan.decay(), update);
        double add = plan.average().add(plan.decay(), update);
        for (int i = 0; i < diagonal.length; i++) {
            double normalised = (diagonal[i] - lowest) / (highest - lowest + GUARD);
            Floats.set(average, i, (float) (keep * Floats.get(average, i) + add * normalised));
        }
    }

    private void write(int layer, float lossScale) {
        var described = plan.layers().get(layer);
        var inputs = averages[2 * layer];
        var outputs = averages[2 * layer + 1];
        write(weights[layer], described.weight(), described.inputs(), inputs, outputs, lossScale);
        described
                .bias()
                .ifPresent(
                        bias -> {
                            var one = inputs.asSlice((long) described.inputs() * Float.BYTES);
                            write(biases[layer], bias, 1, one, outputs, lossScale);
                        });
    }

    /** Writes the elements that are this member's. */
    private void write(
            MemorySegment curvature,
            Parameter parameter,
            int columns,
            MemorySegment inputs,
            MemorySegment outputs,
            float lossScale) {
        long end = shares.end(parameter);
        long i = shares.begin(parameter);
        while (i < end) {
            long row = i / columns;
            float output = lossScale * Floats.get(outputs, row);
            for (long last = Math.min(end, (row + 1) * columns); i < last; i++) {
                Floats.set(curvature, i, output * Floats.get(inputs, i - row * columns));
            }
        }
    }

    @Override
    public void discard() {
        forget();
        shared.ifPresent(SharedDiagonals::clear);
    }

    private void forget() {
        for (var layer : layers) {
            layer.forget();
        }
        Arrays.fill(contributed, false);
    }

    @Override
    public Memory weight(int layer) {
        requireOpen();
        return new HostMemory(weights[layer]);
    }

    @Override
    public Memory bias(int layer) {
        requireOpen();
        if (plan.layers().get(layer).bias().isEmpty()) {
            throw new IllegalArgumentException(
                    "layer '%s' has no bias".formatted(plan.layers().get(layer).name()));
        }
        return new HostMemory(biases[layer]);
    }

    @Override
    public List<FactorState> factors() {
        requireOpen();
        return IntStream.range(0, averages.length)
                .mapToObj(
                        factor ->
                                new FactorState(
                                        sum(averages[factor]),
                                        layers[factor / 2].updates(),
                                        layers[factor / 2].refused()))
                .toList();
    }

    private static double sum(MemorySegment values) {
        double sum = 0;
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            sum += Floats.get(values, i);
        }
        return sum;
    }

    @Override
    public StateTensor average(int factor) {
        var layer = plan.layers().get(factor / 2);
        return new HostState(
                layer.name(),
                Slots.fisher(factor),
                Shape.of(layer.factorSize(factor % 2)),
                () -> {
                    requireOpen();
                    return averages[factor];
                });
    }

    @Override
    public void restore(int layer, long updates, long refused) {
        layers[layer].restore(updates, refused);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the diagonals are closed");
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            arena.close();
            onClose.run();
        }
    }
}
