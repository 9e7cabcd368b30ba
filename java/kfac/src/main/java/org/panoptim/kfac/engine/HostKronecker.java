package org.panoptim.kfac.engine;

import org.jspecify.annotations.Nullable;
import org.panoptim.matrix.Floats;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.HostInversion;
import org.panoptim.matrix.Inverted;
import org.panoptim.matrix.Parallel;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/** Kronecker factors in host memory, over the algebra of a backend. */
public final class HostKronecker implements KroneckerEngine {

    /** Below it, a factor's squares may be lost in float; its trace is kept in double. */
    private static final double TINY = 0x1p-100;

    /** Beyond it or its reciprocal, rows are scaled before they are squared, not their squares. */
    static final double LARGE_SCALE = 0x1p30;

    private final KroneckerPlan plan;
    private final HostAlgebra algebra;
    private final Parallel parallel;
    private final Runnable onClose;
    private final Arena arena = Arena.ofShared();

    /** Of the matrices of each factor: of a team's, those of others are freed. */
    private final Arena[] arenas;

    private final MemorySegment[] averages;

    /** The averages as they will be if the step is accepted. */
    private final MemorySegment[] pending;

    private final MemorySegment[] inverses;

    /**
     * Of inverses, once there were any: apart from what is pending, so that a step can be undone.
     */
    private final @Nullable MemorySegment[] candidates;

    /** The largest row sum of each inverse, which no norm of it exceeds; NaN: not known. */
    private final double[] inverseNorms;

    /** What undoes what was done since the beginning of the step, the last first. */
    private final Deque<Runnable> undo = new ArrayDeque<>();

    /** The traces of averages, and of what is pending, where they are tiny; else NaN. */
    private final double[] traces;

    private final double[] pendingTraces;
    private final PendingRows[] layers;
    private final HostGradients gradients;
    private OptionalDouble klCoefficient = OptionalDouble.empty();

    /** What other members of a team have a part of, if there is one. */
    private @Nullable SharedFactors shared;

    private boolean closed;

    /**
     * Allocates the factors, all zero.
     *
     * @param onClose run once, when the engine is closed
     */
    public HostKronecker(
            KroneckerPlan plan, HostAlgebra algebra, Parallel parallel, Runnable onClose) {
        plan.layers().forEach(KroneckerLayer::requireHost);
        this.plan = plan;
        this.algebra = algebra;
        this.parallel = parallel;
        this.onClose = onClose;
        arenas = new Arena[plan.factors()];
        averages = new MemorySegment[plan.factors()];
        pending = new MemorySegment[plan.factors()];
        inverses = new MemorySegment[plan.factors()];
        candidates = new MemorySegment[plan.factors()];
        inverseNorms = new double[plan.factors()];
        traces = new double[plan.factors()];
        pendingTraces = new double[plan.factors()];
        Arrays.fill(traces, Double.NaN);
        for (int factor = 0; factor < plan.factors(); factor++) {
            arenas[factor] = Arena.ofShared();
            averages[factor] = square(factor);
            pending[factor] = square(factor);
            inverses[factor] = square(factor);
        }
        layers = new PendingRows[plan.layers().size()];
        for (int layer = 0; layer < layers.length; layer++) {
            layers[layer] = new PendingRows();
        }
        gradients = new HostGradients(plan, algebra, arena);
    }

    private MemorySegment square(int factor) {
        long n = plan.size(factor);
        return arenas[factor].allocate(n * n * Float.BYTES, 64);
    }

    @Override
    public void share(Shares shares) {
        requireOpen();
        if (shared != null) {
            if (!shared.areOwnedAsIn(shares)) {
                throw new IllegalStateException(
                        "a team has shared these factors out, and others have a part of them");
            }
            return;
        }
        if (shares.team().isEmpty()) {
            return;
        }
        for (var layer : layers) {
            if (layer.rows() > 0) {
                throw new IllegalStateException(
                        "contributions came before the team's optimizer was built");
            }
        }
        shared = new SharedFactors(plan, shares);
        for (int factor = 0; factor < arenas.length; factor++) {
            if (!owns(factor / 2)) {
                averages[factor] = MemorySegment.NULL;
                pending[factor] = MemorySegment.NULL;
                inverses[factor] = MemorySegment.NULL;
                candidates[factor] = null;
                arenas[factor].close();
            }
        }
    }

    @Override
    public boolean isShared() {
        return shared != null;
    }

    @Override
    public boolean owns(int layer) {
        return shared == null || shared.owns(layer);
    }

    @Override
    public void endLeaf(List<Integer> due, int count) {
        if (shared != null) {
            shared.endLeaf(due, count);
        }
    }

    @Override
    public void endOnlyLeaf(List<Integer> due) {
        if (shared != null && shared.isInFirstLeaf()) {
            shared.endLeaf(due, 1);
        }
    }

    @Override
    public void gradientsUsed(List<Integer> due) {
        endOnlyLeaf(due);
        if (shared != null) {
            shared.gradientsUsed();
        }
    }

    @Override
    public void accumulate(int layer, Contribution contribution) {
        requireOpen();
        try (var scratch = Arena.ofShared()) {
            var rows = HostRows.of(plan.layers().get(layer), contribution, scratch);
            if (rows.count() == 0) {
                return;
            }
            double scale =
                    contribution.averagedOver().orElse(rows.count())
                            / contribution.lossScale().orElseThrow();
            boolean ofAllThreads =
                    Floats.isShared(rows.inputs()) && Floats.isShared(rows.outputGradients());
            var sides = ofAllThreads ? parallel : Parallel.SERIAL;
            if (shared != null) {
                new HostLeaf(plan, algebra, shared).add(layer, rows, scale, sides);
                return;
            }
            boolean first = layers[layer].rows() == 0;
            double share = layers[layer].add(rows.count());
            try {
                sides.forEach(2, side -> accumulate(layer, side, rows, first, share, scale));
            } catch (RuntimeException | Error e) {
                // Perhaps one factor has it and the other not.
                layers[layer].forget();
                throw e;
            }
        }
    }

    /** Folds the average's decay into the pending mean of the step's rows. */
    private void accumulate(
            int layer, int side, HostRows rows, boolean first, double share, double scale) {
        int factor = 2 * layer + side;
        int n = plan.size(factor);
        double fresh = Averages.share(plan.decay(), layers[layer].updates() + 1);
        algebra.combine(
                share * (1 - fresh),
                averages[factor],
                first ? 0 : 1 - share,
                pending[factor],
                (long) n * n);
        double weight = fresh / layers[layer].rows();
        double old = share * (1 - fresh);
        if (side == 0) {
            var described = plan.layers().get(layer);
            boolean ones = described.bias().isPresent();
            algebra.addRows(
                    weight, rows.inputs(), rows.count(), described.inputs(), ones, pending[factor]);
            noteTrace(factor, first ? 0 : 1 - share, old, weight, rows.inputs(), 1);
        } else if (scale <= LARGE_SCALE && scale >= 1 / LARGE_SCALE) {
            algebra.addRows(
                    weight * scale * scale,
                    rows.outputGradients(),
                    rows.count(),
                    n,
                    false,
                    pending[factor]);
            noteTrace(factor, first ? 0 : 1 - share, old, weight, rows.outputGradients(), scale);
        } else {
            try (var scratch = Arena.ofShared()) {
                var scaled = Floats.scaled(rows.outputGradients(), scale, scratch);
                algebra.addRows(weight, scaled, rows.count(), n, false, pending[factor]);
                noteTrace(factor, first ? 0 : 1 - share, old, weight, scaled, 1);
            }
        }
    }

    /** Keeps the trace of what is pending in double if it is tiny. */
    private void noteTrace(
            int factor, double rest, double old, double weight, MemorySegment rows, double scale) {
        double before = rest == 0 ? 0 : rest * pendingTraces[factor];
        pendingTraces[factor] =
                Floats.trace(pending[factor], plan.size(factor)) < TINY
                        ? old * trace(factor) + before + weight * Floats.sumOfSquares(rows, scale)
                        : Double.NaN;
    }

    private double trace(int factor) {
        double trace = Floats.trace(averages[factor], plan.size(factor));
        return trace < TINY && !Double.isNaN(traces[factor]) ? traces[factor] : trace;
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
    public void commit(StepFacts step) {
        begin();
        boolean accepted = ((StepContext) step).accepted();
        for (var layer : layers) {
            var before = layer.snapshot();
            undo.push(() -> layer.putBack(before));
        }
        if (shared != null) {
            commit(shared, accepted);
            return;
        }
        for (int layer = 0; layer < layers.length; layer++) {
            if (accepted && layers[layer].rows() > 0) {
                commit(layer);
            } else {
                layers[layer].forget();
            }
        }
    }

    private void commit(int layer) {
        boolean finite = isFinite(layer);
        if (finite) {
            takeUp(layer);
        }
        layers[layer].taken(finite);
    }

    /** Diagonals are sums of squares: where they are finite, everything is. */
    private boolean isFinite(int layer) {
        int inputs = 2 * layer;
        int outputs = inputs + 1;
        return Double.isFinite(
                Floats.trace(pending[inputs], plan.size(inputs))
                        + Floats.trace(pending[outputs], plan.size(outputs)));
    }

    private void takeUp(int layer) {
        for (int factor = 2 * layer; factor < 2 * layer + 2; factor++) {
            swap(averages, pending, factor);
            int number = factor;
            double before = traces[factor];
            traces[factor] = pendingTraces[factor];
            undo.push(() -> traces[number] = before);
        }
    }

    /** Lets owners take up what all members have contributed, and everybody know of it. */
    private void commit(SharedFactors factors, boolean accepted) {
        var found = accepted ? factors.exchange() : List.<Integer>of();
        var finite = new double[found.size()];
        for (int i = 0; i < finite.length; i++) {
            int layer = found.get(i);
            if (factors.owns(layer)) {
                fold(factors, 2 * layer);
                fold(factors, 2 * layer + 1);
                finite[i] = isFinite(layer) ? 1 : 0;
            }
        }
        var taken = factors.ofOwners(finite, found);
        for (int i = 0; i < taken.length; i++) {
            int layer = found.get(i);
            if (taken[i] != 0 && factors.owns(layer)) {
                takeUp(layer);
            }
            layers[layer].taken(taken[i] != 0);
        }
        factors.clear();
    }

    /** Makes the coming average of the present one and the mean of what members contributed. */
    private void fold(SharedFactors factors, int factor) {
        int n = plan.size(factor);
        double fresh = Averages.share(plan.decay(), layers[factor / 2].updates() + 1);
        double weight = fresh / factors.rows(factor / 2);
        long elements = (long) n * n;
        algebra.combine(1 - fresh, averages[factor], 0, pending[factor], elements);
        algebra.combine(weight, factors.sum(factor), 1, pending[factor], elements);
        pendingTraces[factor] =
                Floats.trace(pending[factor], n) < TINY
                        ? (1 - fresh) * trace(factor) + weight * factors.trace(factor)
                        : Double.NaN;
    }

    private double inverseNorm(int factor) {
        if (Double.isNaN(inverseNorms[factor])) {
            inverseNorms[factor] = Floats.largestRowSum(inverses[factor], plan.size(factor));
        }
        return inverseNorms[factor];
    }

    private void swap(MemorySegment[] one, @Nullable MemorySegment[] other, int factor) {
        exchange(one, other, factor);
        undo.push(() -> exchange(one, other, factor));
    }

    private void adoptCandidate(int factor) {
        swap(inverses, candidates, factor);
        double before = inverseNorms[factor];
        inverseNorms[factor] = Double.NaN;
        undo.push(() -> inverseNorms[factor] = before);
    }

    private static void exchange(MemorySegment[] one, @Nullable MemorySegment[] other, int place) {
        var kept = one[place];
        one[place] = Objects.requireNonNull(other[place]);
        other[place] = kept;
    }

    private MemorySegment candidate(int factor) {
        var found = candidates[factor];
        if (found == null) {
            found = square(factor);
            candidates[factor] = found;
        }
        return found;
    }

    @Override
    public void discard() {
        for (var layer : layers) {
            layer.forget();
        }
        if (shared != null) {
            shared.clear();
        }
    }

    @Override
    public List<FactorState> factors() {
        requireOpen();
        return IntStream.range(0, plan.factors())
                .mapToObj(
                        factor ->
                                new FactorState(
                                        owns(factor / 2) ? trace(factor) : 0,
                                        layers[factor / 2].updates(),
                                        layers[factor / 2].refused()))
                .toList();
    }

    @Override
    public long[] updates() {
        requireOpen();
        return Arrays.stream(layers).mapToLong(PendingRows::updates).toArray();
    }

    @Override
    public List<Inverted> invert(List<Inversion> inversions) {
        requireOpen();
        for (var inversion : inversions) {
            if (layers[inversion.factor() / 2].rows() > 0) {
                throw new IllegalStateException(
                        "layer '%s' holds contributions that no step has taken up yet"
                                .formatted(plan.layerOf(inversion.factor()).name()));
            }
        }
        var results = new Inverted[inversions.size()];
        // The largest first, so that no thread ends with it alone.
        var order =
                IntStream.range(0, results.length)
                        .boxed()
                        .sorted(
                                Comparator.comparing(
                                        place -> -plan.size(inversions.get(place).factor())))
                        .toList();
        parallel.forEach(
                results.length, i -> results[order.get(i)] = invert(inversions.get(order.get(i))));
        return List.of(results);
    }

    private Inverted invert(Inversion inversion) {
        int factor = inversion.factor();
        return HostInversion.invert(
                algebra,
                plan.size(factor),
                averages[factor],
                inversion.damping(),
                inversion.method(),
                inverses[factor],
                candidate(factor));
    }

    @Override
    public void adopt(List<Integer> factors) {
        requireOpen();
        factors.forEach(this::adoptCandidate);
    }

    @Override
    public void adoptIdentity(List<Integer> factors) {
        adoptDiagonal(factors, 1);
    }

    @Override
    public void adoptZeros(List<Integer> factors) {
        adoptDiagonal(factors, 0);
    }

    private void adoptDiagonal(List<Integer> factors, float value) {
        requireOpen();
        for (int factor : factors) {
            if (!owns(factor / 2)) {
                continue;
            }
            int n = plan.size(factor);
            var candidate = candidate(factor);
            candidate.fill((byte) 0);
            for (int i = 0; i < n; i++) {
                Floats.set(candidate, (long) i * n + i, value);
            }
            adoptCandidate(factor);
        }
    }

    @Override
    public void check(List<Preconditioning> wanted) {
        requireOpen();
        owned(wanted).forEach(gradients::check);
    }

    private List<Preconditioning> owned(List<Preconditioning> wanted) {
        return shared == null
                ? wanted
                : wanted.stream().filter(each -> owns(each.layer())).toList();
    }

    @Override
    public void precondition(StepFacts step, List<Preconditioning> wanted, double klClip) {
        requireOpen();
        var context = (StepContext) step;
        if (!context.accepted() || wanted.isEmpty()) {
            return;
        }
        var own = owned(wanted);
        check(own);
        // Gradients that one thread owns are copied by this one, and multiplied by all.
        boolean ofAllThreads = own.stream().allMatch(gradients::areShared);
        var copying = ofAllThreads ? parallel : Parallel.SERIAL;
        copying.forEach(own.size(), i -> gradients.join(own.get(i)));
        double sum = 0;
        for (double product : products(context, wanted)) {
            sum += product;
        }
        if (!Double.isFinite(sum)) {
            own.forEach(each -> gradients.standStill(each.layer()));
            write(own, 1, copying);
            return;
        }
        double coefficient = sum > 0 ? Math.min(1, Math.sqrt(klClip / sum)) : 1;
        write(own, coefficient, copying);
        klCoefficient = OptionalDouble.of(coefficient);
    }

    /** Computes U of each layer, and η² ⟨U, ∇⟩; of a team, everybody gets these of all. */
    private double[] products(StepContext context, List<Preconditioning> wanted) {
        var products = new double[wanted.size()];
        parallel.forEach(
                wanted.size(),
                i -> {
                    int layer = wanted.get(i).layer();
                    if (owns(layer)) {
                        double rate = wanted.get(i).learningRate() * context.rateFactor();
                        double product =
                                gradients.precondition(
                                        layer,
                                        inverses[2 * layer],
                                        inverses[2 * layer + 1],
                                        inverseNorm(2 * layer),
                                        inverseNorm(2 * layer + 1));
                        double unscaled = rate * context.gradientScale();
                        products[i] = product * unscaled * unscaled;
                    }
                });
        return shared == null
                ? products
                : shared.ofOwners(products, wanted.stream().map(Preconditioning::layer).toList());
    }

    /** Sets all gradients, or none. */
    private void write(List<Preconditioning> wanted, double coefficient, Parallel copying) {
        try {
            copying.forEach(wanted.size(), i -> gradients.write(wanted.get(i), coefficient));
        } catch (RuntimeException | Error e) {
            for (var each : wanted) {
                try {
                    gradients.putBack(each);
                } catch (RuntimeException again) {
                    e.addSuppressed(again);
                }
            }
            throw e;
        }
    }

    @Override
    public OptionalDouble klCoefficient() {
        return klCoefficient;
    }

    @Override
    public StateTensor average(int factor) {
        return state(factor, Slots.average(factor), averages);
    }

    @Override
    public StateTensor inverse(int factor) {
        return state(factor, Slots.inverse(factor), inverses);
    }

    /** What is read of a state may be written to, too. */
    private void forgetNorm(int factor, MemorySegment[] values) {
        if (values == inverses) {
            inverseNorms[factor] = Double.NaN;
        }
    }

    private StateTensor state(int factor, String slot, MemorySegment[] values) {
        int n = owns(factor / 2) ? plan.size(factor) : 0;
        return new HostState(
                plan.layerOf(factor).name(),
                slot,
                Shape.of(n, n),
                () -> {
                    requireOpen();
                    forgetNorm(factor, values);
                    return values[factor];
                });
    }

    @Override
    public void restore(int layer, long updates, long refused) {
        layers[layer].restore(updates, refused);
        traces[2 * layer] = Double.NaN;
        traces[2 * layer + 1] = Double.NaN;
    }

    @Override
    public void restoreTrace(int factor, double trace) {
        traces[factor] = trace;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the factors are closed");
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            for (int factor = 0; factor < arenas.length; factor++) {
                if (owns(factor / 2)) {
                    arenas[factor].close();
                }
            }
            if (shared != null) {
                shared.close();
            }
            arena.close();
            onClose.run();
        }
    }
}
