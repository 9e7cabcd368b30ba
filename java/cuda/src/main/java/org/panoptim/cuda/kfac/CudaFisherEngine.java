package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.panoptim_kfac_diagonal_accumulation;
import org.panoptim.abi.bindings.panoptim_kfac_diagonal_commit;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.MeanSquares;
import org.panoptim.kfac.engine.SharedDiagonals;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** AdaFisher's diagonals on a device: everything is queued on the backend's stream. */
final class CudaFisherEngine extends LayerEngine implements FisherEngine {

    private static final int THREADS = 256;

    /** Columns that a thread block of the accumulating kernel takes: diagonal_columns there. */
    private static final int COLUMNS = 32;

    private static final String[] SLOTS = {"fisher.input", "fisher.output"};

    private final FisherPlan plan;
    private final MemorySegment accumulation = panoptim_kfac_diagonal_accumulation.allocate(arena);
    private final MemorySegment commit = panoptim_kfac_diagonal_commit.allocate(arena);
    private final DiagonalBuffers buffers;
    private final Uploads uploads;

    /** What waits for the members of a team, if there is one. */
    private Optional<SharedDiagonals> shared = Optional.empty();

    private boolean committed;

    CudaFisherEngine(DeviceContext context, FisherPlan plan, Runnable onClose) {
        super(context, plan.layers(), "the diagonals of Kronecker factors", onClose);
        this.plan = plan;
        try {
            buffers = keep(new DiagonalBuffers(context, plan.layers()));
            uploads = keep(new Uploads(context.device(), layers.uploadBytes()));
        } catch (RuntimeException | Error e) {
            abandon(e);
            throw e;
        }
        panoptim_kfac_diagonal_commit.layers(commit, MemorySegment.ofAddress(layers.address()));
        panoptim_kfac_diagonal_commit.diagonals(commit, MemorySegment.ofAddress(buffers.table(0)));
        panoptim_kfac_diagonal_commit.decay(commit, plan.decay());
        panoptim_kfac_diagonal_commit.normalised(
                commit, plan.average() == FisherAverage.NORMALISED_EMA ? 1 : 0);
    }

    @Override
    public void accumulate(int number, Contribution contribution) {
        requireOpen();
        var layer = layers.layer(number);
        shared.ifPresent(each -> each.requireIncomplete(layer));
        contributions.describe(
                panoptim_kfac_diagonal_accumulation.contribution(accumulation),
                layer,
                contribution,
                layers.contributions(number));
        panoptim_kfac_diagonal_accumulation.layer(
                accumulation, MemorySegment.ofAddress(layers.address(number)));
        panoptim_kfac_diagonal_accumulation.diagonal(
                accumulation, MemorySegment.ofAddress(buffers.table(number)));
        long blocks =
                (long) Math.ceilDiv(layer.inputFactor(), COLUMNS)
                        + Math.ceilDiv(layer.outputs(), COLUMNS);
        run(
                () ->
                        KroneckerLaunch.run(
                                context,
                                context.kernels().kronecker("diagonal_accumulate", THREADS),
                                blocks,
                                accumulation));
        layers.contributed(number);
    }

    @Override
    public void share(Shares shares) {
        if (shares.team().isPresent() && layers.anyContribution()) {
            throw new IllegalStateException(
                    "contributions came before the team's optimizer was built");
        }
        shared = shares.team().map(team -> new SharedDiagonals(plan, team));
    }

    /** Waits for what has come; it travels over the host, where leaves are folded. */
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
        found.forEach(
                (layer, squares) -> {
                    layers.contributed(layer, squares.rows());
                    if (squares.rows() > 0) {
                        buffers.write(layer, squares);
                    }
                });
        return List.copyOf(found.keySet());
    }

    private Map<Integer, MeanSquares> take() {
        var found = new HashMap<Integer, MeanSquares>();
        for (int layer = 0; layer < plan.layers().size(); layer++) {
            if (layers.contributions(layer) > 0) {
                long rows = layers.rows(layer);
                found.put(layer, rows == 0 ? MeanSquares.NONE : buffers.read(layer, rows));
            }
        }
        layers.forget();
        return found;
    }

    @Override
    public void discard() {
        super.discard();
        shared.ifPresent(SharedDiagonals::clear);
    }

    @Override
    public void begin() {
        requireOpen();
        committed = false;
    }

    @Override
    public void undo() {
        requireOpen();
        if (committed) {
            throw new IllegalStateException("averages have taken up what was new");
        }
    }

    @Override
    public void commit(StepFacts step) {
        begin();
        run(
                () -> {
                    var waiting = layers.send(uploads);
                    if (waiting.isEmpty()) {
                        return;
                    }
                    KroneckerLaunch.describe(panoptim_kfac_diagonal_commit.facts(commit), step);
                    panoptim_kfac_diagonal_commit.chosen(commit, layers.chosen());
                    panoptim_kfac_diagonal_commit.slots(commit, layers.slots());
                    panoptim_kfac_diagonal_commit.count(commit, waiting.size());
                    var kernel = context.kernels().kronecker("diagonal_commit_layers", THREADS);
                    committed = true;
                    KroneckerLaunch.run(context, kernel, kernel.blocksFor(waiting.size()), commit);
                    if (waiting.size() == plan.layers().size()) {
                        write(buffers.pieces(0), buffers.pieceCount());
                    } else {
                        waiting.forEach(this::write);
                    }
                });
        layers.forget();
    }

    /** Writes what the rule reads of a layer. */
    private void write(int layer) {
        write(buffers.pieces(layer), buffers.pieceCount(layer));
    }

    private void write(long pieces, int count) {
        panoptim_kfac_diagonal_commit.pieces(commit, MemorySegment.ofAddress(pieces));
        panoptim_kfac_diagonal_commit.count(commit, count);
        var kernel = context.kernels().kronecker("diagonal_write", THREADS);
        KroneckerLaunch.run(context, kernel, kernel.blocksFor(count), commit);
    }

    @Override
    public DeviceMemory weight(int layer) {
        requireOpen();
        layers.layer(layer);
        return buffers.weight(layer);
    }

    @Override
    public DeviceMemory bias(int layer) {
        requireOpen();
        if (layers.layer(layer).bias().isEmpty()) {
            throw new IllegalArgumentException(
                    "layer '%s' has no bias".formatted(layers.layer(layer).name()));
        }
        return buffers.bias(layer);
    }

    @Override
    public List<FactorState> factors() {
        requireOpen();
        var states = layers.states();
        return IntStream.range(0, states.size())
                .mapToObj(factor -> withTrace(factor, states.get(factor)))
                .toList();
    }

    private FactorState withTrace(int factor, FactorState state) {
        if (state.updates() == 0) {
            return state;
        }
        double trace = 0;
        for (float element : average(factor).toArray()) {
            trace += element;
        }
        return new FactorState(trace, state.updates(), state.refused());
    }

    @Override
    public StateTensor average(int factor) {
        requireOpen();
        var layer = layers.layer(Math.floorDiv(factor, 2));
        return new FactorTensor(
                context,
                layer.name(),
                SLOTS[factor % 2],
                Shape.of(layer.factorSize(factor % 2)),
                () -> buffers.average(factor),
                this::requireOpen);
    }
}
