package org.panoptim.cuda.kfac;

import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_CANDIDATE;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_IDENTITY;

import org.jspecify.annotations.Nullable;
import org.panoptim.abi.bindings.panoptim_kfac_accumulation;
import org.panoptim.abi.bindings.panoptim_kfac_selection;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.kfac.engine.SharedFactors;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * Kronecker factors on a device: everything is queued on the backend's stream, and what a team
 * shares waits for it.
 */
final class CudaKroneckerEngine extends LayerEngine implements KroneckerEngine {

    private static final int THREADS = 256;
    private static final int TRACE_THREADS = 128;
    private static final String[] AVERAGE = {"kfac.input_factor", "kfac.output_factor"};
    private static final String[] INVERSE = {"kfac.input_inverse", "kfac.output_inverse"};

    private final KroneckerPlan plan;
    private final int[] sizes;
    private final MemorySegment accumulation = panoptim_kfac_accumulation.allocate(arena);
    private final MemorySegment selection = panoptim_kfac_selection.allocate(arena);
    private final ProbeTable probes;
    private final Uploads uploads;
    private final long chosen;

    private FactorBuffers buffers;
    private GradientPreconditioner preconditioner;

    /** What a team does together, if there is one. */
    private @Nullable SharedLayers shared;

    // What was done since the beginning of a step.
    private boolean committed;
    private boolean overwritten;

    CudaKroneckerEngine(DeviceContext context, KroneckerPlan plan, Runnable onClose) {
        super(context, plan.layers(), "the Kronecker factors", onClose);
        this.plan = plan;
        sizes = IntStream.range(0, plan.factors()).map(plan::size).toArray();
        try {
            context.blas();
            buffers = new FactorBuffers(context, plan, _ -> true);
            keep(() -> buffers.close());
            probes = keep(new ProbeTable(context, IntStream.of(sizes).max().orElseThrow()));
            preconditioner = new GradientPreconditioner(context, plan, buffers, true);
            keep(() -> preconditioner.close());
            long chosenBytes = (long) Integer.BYTES * plan.factors();
            chosen = DeviceSlab.allocate(context, chosenBytes);
            keep(() -> context.driver().free(chosen, context.stream()));
            long stagingBytes =
                    Math.max(
                            chosenBytes,
                            Math.max(layers.uploadBytes(), preconditioner.uploadBytes()));
            uploads = keep(new Uploads(context.device(), stagingBytes));
        } catch (RuntimeException | Error e) {
            abandon(e);
            throw e;
        }
        panoptim_kfac_accumulation.decay(accumulation, plan.decay());
        panoptim_kfac_selection.layers(selection, MemorySegment.ofAddress(layers.address()));
        panoptim_kfac_selection.factors(selection, MemorySegment.ofAddress(buffers.table()));
    }

    @Override
    public void share(Shares shares) {
        requireOpen();
        if (shared != null) {
            if (!shared.sums().areOwnedAsIn(shares)) {
                throw new IllegalStateException(
                        "a team has shared these factors out, and others have a part of them");
            }
            return;
        }
        if (shares.team().isEmpty()) {
            return;
        }
        if (layers.anyContribution()) {
            throw new IllegalStateException(
                    "contributions came before the team's optimizer was built");
        }
        run(() -> shareOut(shares));
    }

    /** Frees what belongs to layers that other members own; if it fails, all is as before. */
    private void shareOut(Shares shares) {
        var all = buffers;
        var ofAll = preconditioner;
        var cleanup = new Cleanup();
        try {
            var sums = cleanup.keep(new SharedFactors(plan, shares));
            var owned = cleanup.keep(new FactorBuffers(context, plan, sums::owns));
            var ofOwned = cleanup.keep(new GradientPreconditioner(context, plan, owned, false));
            owned.copyFrom(all, plan);
            keep(sums);
            buffers = owned;
            preconditioner = ofOwned;
            shared = new SharedLayers(context, plan, layers, owned, sums);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
        panoptim_kfac_selection.factors(selection, MemorySegment.ofAddress(buffers.table()));
        panoptim_kfac_accumulation.decay(accumulation, SharedLayers.LEAF_DECAY);
        Cleanup.all(ofAll::close, all::close);
    }

    @Override
    public void discard() {
        super.discard();
        if (shared != null) {
            shared.sums().clear();
        }
    }

    @Override
    public boolean isShared() {
        return shared != null;
    }

    @Override
    public boolean owns(int layer) {
        return shared == null || shared.sums().owns(layer);
    }

    private List<Integer> owned(List<Integer> factors) {
        return factors.stream().filter(factor -> owns(factor / 2)).toList();
    }

    @Override
    public void endLeaf(List<Integer> due, int leaves) {
        if (shared != null) {
            shared.endLeaf(due, leaves);
        }
    }

    @Override
    public void endOnlyLeaf(List<Integer> due) {
        if (shared != null && shared.sums().isInFirstLeaf()) {
            shared.endLeaf(due, 1);
        }
    }

    @Override
    public void gradientsUsed(List<Integer> due) {
        endOnlyLeaf(due);
        if (shared != null) {
            shared.sums().gradientsUsed();
        }
    }

    @Override
    public void accumulate(int number, Contribution contribution) {
        requireOpen();
        var layer = layers.layer(number);
        if (shared != null) {
            shared.sums().open(number);
        }
        contributions.describe(
                panoptim_kfac_accumulation.contribution(accumulation),
                layer,
                contribution,
                layers.contributions(number));
        panoptim_kfac_accumulation.layer(
                accumulation, MemorySegment.ofAddress(layers.address(number)));
        panoptim_kfac_accumulation.factors(
                accumulation, MemorySegment.ofAddress(buffers.table(2 * number)));
        long blocks = triangle(sizes[2 * number]) + triangle(sizes[2 * number + 1]);
        run(
                () -> {
                    var kernel = context.kernels().kronecker("accumulate", THREADS);
                    KroneckerLaunch.run(context, kernel, blocks, accumulation);
                });
        layers.contributed(number);
    }

    /** The tiles on and below the diagonal of a factor. */
    private static long triangle(int size) {
        long side = FactorBuffers.tiles(size);
        return side * (side + 1) / 2;
    }

    @Override
    public void begin() {
        requireOpen();
        committed = false;
        overwritten = false;
    }

    @Override
    public void undo() {
        requireOpen();
        if (overwritten) {
            throw new IllegalStateException(
                    "inverses were written over the averages and inverses that there were before");
        }
        if (committed) {
            run(layers::putBack);
            committed = false;
        }
    }

    @Override
    public void commit(StepFacts step) {
        begin();
        if (shared != null) {
            run(layers::keep);
            committed = true;
            shared.commit(Contributions.known(context, step));
            return;
        }
        run(
                () -> {
                    if (layers.anyContribution()) {
                        layers.keep();
                        committed = true;
                    }
                    var waiting = layers.send(uploads);
                    KroneckerLaunch.describe(panoptim_kfac_selection.facts(selection), step);
                    panoptim_kfac_selection.slots(selection, layers.slots());
                    select(
                            "commit",
                            THREADS,
                            layers.chosen(),
                            waiting.size(),
                            Math.ceilDiv(waiting.size(), THREADS));
                });
        layers.forget();
    }

    private void select(
            String name, int threads, MemorySegment numbers, long count, long mostBlocks) {
        panoptim_kfac_selection.chosen(selection, numbers);
        panoptim_kfac_selection.count(selection, count);
        var kernel = context.kernels().kronecker(name, threads);
        KroneckerLaunch.run(context, kernel, kernel.blocksFor(mostBlocks), selection);
    }

    @Override
    public List<FactorState> factors() {
        requireOpen();
        run(
                () ->
                        select(
                                "trace",
                                TRACE_THREADS,
                                MemorySegment.NULL,
                                plan.factors(),
                                plan.factors()));
        var states = layers.states();
        return IntStream.range(0, sizes.length)
                .mapToObj(
                        factor ->
                                owns(factor / 2)
                                        ? states.get(factor)
                                        : states.get(factor).withTrace(0))
                .toList();
    }

    @Override
    public List<Inverted> invert(List<Inversion> inversions) {
        requireOpen();
        if (layers.anyContribution()) {
            throw new IllegalStateException(
                    "there are contributions that are neither committed nor discarded");
        }
        requireFactors(inversions.stream().map(Inversion::factor).toList());
        if (inversions.isEmpty()) {
            return List.of();
        }
        return context.call(() -> candidates(inversions));
    }

    private List<Inverted> candidates(List<Inversion> inversions) {
        var results = new Inverted[inversions.size()];
        var direct = new ArrayList<Integer>();
        for (int i = 0; i < results.length; i++) {
            if (inversions.get(i).method() instanceof InversionMethod.Newton method) {
                results[i] = iterate(inversions.get(i), method);
            } else {
                direct.add(i);
            }
        }
        if (!direct.isEmpty()) {
            factorise(direct.stream().map(inversions::get).toList(), direct, results);
        }
        return List.of(results);
    }

    private Inverted iterate(Inversion inversion, InversionMethod.Newton method) {
        int size = sizes[inversion.factor()];
        try (var tables = tables(List.of(inversion));
                var newton = new NewtonInverter(context, tables, size, probes.largest(size))) {
            overwritten |= committed;
            return newton.run(method);
        }
    }

    private void factorise(List<Inversion> inversions, List<Integer> indices, Inverted[] results) {
        try (var tables = tables(inversions)) {
            // Candidates lie where the averages of before the commit do.
            overwritten |= committed;
            FactorInverter.run(context, tables, inversions);
            tables.certify();
            for (int i = 0; i < inversions.size(); i++) {
                int size = sizes[inversions.get(i).factor()];
                results[indices.get(i)] = tables.result(i, probes.largest(size), 0);
            }
        }
    }

    private InversionTables tables(List<Inversion> inversions) {
        return new InversionTables(context, buffers, layers, inversions, sizes, probes.address());
    }

    private void requireFactors(List<Integer> factors) {
        var seen = new HashSet<Integer>();
        for (int factor : factors) {
            if (factor < 0 || factor >= sizes.length) {
                throw new IllegalArgumentException(
                        "there is no factor %d; there are %d".formatted(factor, sizes.length));
            }
            if (!seen.add(factor)) {
                throw new IllegalArgumentException("factor " + factor + " is named twice");
            }
        }
    }

    @Override
    public void adopt(List<Integer> factors) {
        adopt(factors, PANOPTIM_KFAC_CANDIDATE());
    }

    @Override
    public void adoptIdentity(List<Integer> factors) {
        adopt(owned(factors), PANOPTIM_KFAC_IDENTITY());
    }

    private void adopt(List<Integer> factors, int value) {
        requireOpen();
        requireFactors(factors);
        if (factors.isEmpty()) {
            return;
        }
        overwritten = true;
        run(
                () -> {
                    try (var scratch = Arena.ofConfined()) {
                        var numbers =
                                scratch.allocateFrom(
                                        ValueLayout.JAVA_INT,
                                        factors.stream().mapToInt(Integer::intValue).toArray());
                        uploads.send(chosen, numbers, context.stream());
                    }
                    long largest = factors.stream().mapToLong(i -> sizes[i]).max().orElse(1);
                    panoptim_kfac_selection.value(selection, value);
                    select(
                            "adopt",
                            THREADS,
                            MemorySegment.ofAddress(chosen),
                            factors.size(),
                            Math.ceilDiv(largest * largest, THREADS));
                });
    }

    @Override
    public void adoptZeros(List<Integer> factors) {
        requireOpen();
        requireFactors(factors);
        var own = owned(factors);
        if (own.isEmpty()) {
            return;
        }
        overwritten = true;
        run(
                () -> {
                    for (int factor : own) {
                        long elements = (long) sizes[factor] * sizes[factor];
                        context.driver()
                                .fill(buffers.inverse(factor), 0, elements, context.stream());
                    }
                });
    }

    @Override
    public void check(List<Preconditioning> wanted) {
        requireOpen();
        preconditioner.check(wanted.stream().filter(each -> owns(each.layer())).toList());
    }

    @Override
    public void precondition(StepFacts step, List<Preconditioning> chosenLayers, double klClip) {
        requireOpen();
        if (!(klClip > 0)) {
            throw new IllegalArgumentException("klClip must be above 0, but is " + klClip);
        }
        if (chosenLayers.isEmpty()) {
            return;
        }
        if (shared != null) {
            var known = Contributions.known(context, step);
            if (known.accepted()) {
                shared.precondition(preconditioner, uploads, known, chosenLayers, klClip);
            }
            return;
        }
        run(() -> preconditioner.run(uploads, step, chosenLayers, klClip));
    }

    @Override
    public OptionalDouble klCoefficient() {
        requireOpen();
        return preconditioner.coefficient();
    }

    @Override
    public StateTensor average(int factor) {
        requireFactors(List.of(factor));
        return tensor(
                factor,
                AVERAGE[factor % 2],
                () -> buffers.buffer(factor, layers.current(factor / 2)));
    }

    @Override
    public StateTensor inverse(int factor) {
        requireFactors(List.of(factor));
        return tensor(factor, INVERSE[factor % 2], () -> buffers.inverse(factor));
    }

    private StateTensor tensor(int factor, String slot, LongSupplier address) {
        requireOpen();
        int size = owns(factor / 2) ? sizes[factor] : 0;
        return new FactorTensor(
                context,
                plan.layerOf(factor).name(),
                slot,
                Shape.of(size, size),
                address,
                this::requireOpen);
    }
}
