package org.panoptim.kfac.engine;

import org.panoptim.internal.shard.LeafSums;
import org.panoptim.matrix.Floats;
import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.Parallel;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.MeteredTeam;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * What members of a team contribute to factors: of each leaf the sums of products {@code Σ rrᵀ} of
 * its rows, which are added up by adjacent pairs as gradients are, so that it does not matter whose
 * leaf it is. A layer belongs to the owner of its parameters, who gets the sums of both factors and
 * does the rest alone; what nobody needs does not travel.
 */
final class SharedFactors implements AutoCloseable {

    /** Numbers of a layer: its rows, and the traces of both sums, which floats may have lost. */
    private static final int NUMBERS = 3;

    /** Beyond it or its reciprocal, rows are scaled before they are squared, not their squares. */
    private static final double LARGE_SCALE = HostKronecker.LARGE_SCALE;

    private final KroneckerPlan plan;
    private final HostAlgebra algebra;
    private final Team team;
    private final int[] owners;
    private final Arena arena = Arena.ofShared();

    /** Of each factor the sum of the present leaf; once they were exchanged, of all leaves. */
    private final List<Parameter> sums = new ArrayList<>();

    private final LeafSums leaves;
    private final LeafNumbers numbers = new LeafNumbers();
    private final double[] leaf;

    /** The layers of which leaves count. */
    private List<Integer> due = List.of();

    /** Whether all leaves of a step have come. */
    private boolean complete;

    /** Whether there was a contribution to them. */
    private boolean contributed;

    /** The layers whose sums are not zero. */
    private final boolean[] written;

    /** The numbers over all leaves, once they were exchanged. */
    private double[] totals = {};

    /**
     * Shares factors out.
     *
     * @param shares of a team, in which one member owns all parameters of a layer
     */
    SharedFactors(KroneckerPlan plan, HostAlgebra algebra, Shares shares) {
        this.plan = plan;
        this.algebra = algebra;
        team = shares.team().orElseThrow();
        owners = owners(plan, shares);
        leaf = new double[NUMBERS * owners.length];
        written = new boolean[owners.length];
        var ofSums = new IdentityHashMap<Parameter, Integer>();
        for (int factor = 0; factor < plan.factors(); factor++) {
            var shape = Shape.of(plan.size(factor), plan.size(factor));
            var values = new HostMemory(arena.allocate(shape.elements() * Float.BYTES, 64));
            var sum =
                    Parameter.of(
                            plan.layerOf(factor).name() + "/" + Slots.average(factor),
                            shape,
                            values);
            ofSums.put(sum, owners[factor / 2]);
            sums.add(sum);
        }
        leaves = new LeafSums(team, Shares.of(team, ofSums));
    }

    /** The owner of each layer. */
    private static int[] owners(KroneckerPlan plan, Shares shares) {
        int members = shares.team().orElseThrow().size();
        var found = new int[plan.layers().size()];
        for (int layer = 0; layer < found.length; layer++) {
            var weight = plan.layers().get(layer).weight();
            while (found[layer] < members - 1 && shares.begin(weight, found[layer] + 1) == 0) {
                found[layer]++;
            }
        }
        return found;
    }

    /** Whether layers have the same owners in other shares. */
    boolean areOwnedAsIn(Shares other) {
        return other.team().filter(each -> unmetered(each) == unmetered(team)).isPresent()
                && Arrays.equals(owners, owners(plan, other));
    }

    /** The team itself, which every optimizer counts by itself. */
    private static Team unmetered(Team team) {
        return team instanceof MeteredTeam metered ? metered.team() : team;
    }

    boolean owns(int layer) {
        return owners[layer] == team.rank();
    }

    private MemorySegment sum(int factor) {
        return ((HostMemory) sums.get(factor).value()).segment();
    }

    /**
     * Adds rows of a layer to the present leaf.
     *
     * @param scale what output gradients are multiplied by
     * @throws IllegalStateException if contributions came with leaves whose gradients a pass has
     *     used up; nothing is changed
     */
    void accumulate(int layer, HostRows rows, double scale, Parallel parallel) {
        if (complete) {
            if (contributed) {
                throw new IllegalStateException(
                        "layer '%s': contributions came already with gradients that a pass has used up; they come once for each step"
                                .formatted(plan.layers().get(layer).name()));
            }
            clear();
        }
        written[layer] = true;
        try {
            parallel.forEach(2, side -> addRows(layer, side, rows, scale));
        } catch (RuntimeException | Error e) {
            // Perhaps one factor has it and the other not.
            forget(layer);
            throw e;
        }
        leaf[NUMBERS * layer] += rows.count();
        contributed = true;
    }

    private void addRows(int layer, int side, HostRows rows, double scale) {
        var described = plan.layers().get(layer);
        var sum = sum(2 * layer + side);
        int columns = side == 0 ? described.inputs() : described.outputs();
        boolean ones = side == 0 && described.bias().isPresent();
        double factor = side == 0 ? 1 : scale;
        var found = side == 0 ? rows.inputs() : rows.outputGradients();
        if (factor <= LARGE_SCALE && factor >= 1 / LARGE_SCALE) {
            algebra.addRows(factor * factor, found, rows.count(), columns, ones, sum);
        } else {
            try (var scratch = Arena.ofShared()) {
                var scaled = Floats.scaled(found, factor, scratch);
                algebra.addRows(1, scaled, rows.count(), columns, ones, sum);
            }
        }
        leaf[NUMBERS * layer + 1 + side] += Floats.sumOfSquares(found, factor);
    }

    /** Drops what came of a layer in the present leaf. */
    private void forget(int layer) {
        if (written[layer]) {
            Arrays.fill(leaf, NUMBERS * layer, NUMBERS * (layer + 1), 0);
            sum(2 * layer).fill((byte) 0);
            sum(2 * layer + 1).fill((byte) 0);
            written[layer] = false;
        }
    }

    /**
     * Ends a leaf. What came with leaves whose gradients a pass has used up waits for the step.
     *
     * @param newDue the layers of which a step takes up contributions, on every member the same
     * @param count this member's leaves of a step
     */
    void endLeaf(List<Integer> newDue, int count) {
        if (complete && contributed) {
            return;
        }
        if (complete) {
            clear();
        }
        due = newDue;
        leaves.add(factors(due));
        numbers.add(leaf);
        due.forEach(this::forget);
        complete = leaves.count() == count;
    }

    /** Ends the only leaf of a step, if that was not done. */
    void endOnlyLeaf(List<Integer> newDue) {
        if (leaves.count() == 0) {
            endLeaf(newDue, 1);
        }
    }

    private List<Parameter> factors(List<Integer> layers) {
        return layers.stream()
                .flatMap(layer -> List.of(sums.get(2 * layer), sums.get(2 * layer + 1)).stream())
                .toList();
    }

    /**
     * Brings the sums of all leaves to the owners of layers.
     *
     * @return the layers that have rows, on every member the same
     */
    List<Integer> exchange() {
        if (due.isEmpty()) {
            return List.of();
        }
        totals = numbers.join(team);
        var found = due.stream().filter(layer -> rows(layer) > 0).toList();
        leaves.exchange(factors(found));
        found.forEach(layer -> written[layer] = true);
        return found;
    }

    /** How many rows were exchanged of a layer. */
    double rows(int layer) {
        return totals[NUMBERS * layer];
    }

    /** The trace of the sum that was exchanged of a factor. */
    double trace(int factor) {
        return totals[NUMBERS * (factor / 2) + 1 + factor % 2];
    }

    /** The sum that was exchanged of a factor of this member's. */
    MemorySegment exchanged(int factor) {
        return sum(factor);
    }

    /**
     * What owners have found, of whom everybody has a place for each layer.
     *
     * @param own what this member has found, by the layers' order in a list
     * @param layers that list, the same on every member
     */
    double[] ofOwners(double[] own, List<Integer> layers) {
        var all = LeafNumbers.gather(team, own);
        var found = new double[own.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = all[owners[layers.get(i)]][i];
        }
        return found;
    }

    /** Drops all leaves. */
    void clear() {
        for (int layer = 0; layer < owners.length; layer++) {
            forget(layer);
        }
        leaves.clear();
        numbers.clear();
        due = List.of();
        complete = false;
        contributed = false;
    }

    @Override
    public void close() {
        leaves.close();
        arena.close();
    }
}
