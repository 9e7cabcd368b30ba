package org.panoptim.kfac.engine;

import org.panoptim.internal.shard.LeafSums;
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
 * does the rest alone; what nobody needs does not travel. Sums lie on the host, wherever the engine
 * computes.
 */
public final class SharedFactors implements AutoCloseable {

    /** Numbers of a layer: its rows, and the traces of both sums, which floats may have lost. */
    private static final int NUMBERS = 3;

    private final KroneckerPlan plan;
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
    public SharedFactors(KroneckerPlan plan, Shares shares) {
        this.plan = plan;
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
    public boolean areOwnedAsIn(Shares other) {
        return other.team().filter(each -> given(each) == given(team)).isPresent()
                && Arrays.equals(owners, owners(plan, other));
    }

    /** The team itself, of which every optimizer has a channel. */
    private static Team given(Team team) {
        return team instanceof MeteredTeam metered ? metered.given() : team;
    }

    /** Whether a layer is this member's. */
    public boolean owns(int layer) {
        return owners[layer] == team.rank();
    }

    /**
     * A factor's sum, row by row in float32: of the present leaf, to which rows are added; zeros at
     * first. Once it was exchanged, that of all leaves, if the layer is this member's.
     */
    public MemorySegment sum(int factor) {
        return ((HostMemory) sums.get(factor).value()).segment();
    }

    /**
     * Lets rows of a layer come to the present leaf.
     *
     * @throws IllegalStateException if all leaves of the step have ended; nothing is changed
     */
    public void open(int layer) {
        if (complete) {
            var name = plan.layers().get(layer).name();
            throw contributed ? LateContributions.again(name) : LateContributions.late(name);
        }
    }

    /**
     * Counts rows of a layer in the present leaf, whose products its sums have now.
     *
     * @param inputTrace what they add to the trace of the sum of inputs
     * @param outputTrace likewise of output gradients
     */
    public void note(int layer, double rows, double inputTrace, double outputTrace) {
        leaf[NUMBERS * layer] += rows;
        leaf[NUMBERS * layer + 1] += inputTrace;
        leaf[NUMBERS * layer + 2] += outputTrace;
        written[layer] = true;
        contributed = true;
    }

    /** Drops what came of a layer in the present leaf. */
    public void drop(int layer) {
        Arrays.fill(leaf, NUMBERS * layer, NUMBERS * (layer + 1), 0);
        sum(2 * layer).fill((byte) 0);
        sum(2 * layer + 1).fill((byte) 0);
        written[layer] = false;
    }

    private void forget(int layer) {
        if (written[layer]) {
            drop(layer);
        }
    }

    /**
     * Ends a leaf. What came with leaves whose gradients a pass has used up waits for the step.
     *
     * @param newDue the layers of which a step takes up contributions, on every member the same
     * @param count this member's leaves of a step
     */
    public void endLeaf(List<Integer> newDue, int count) {
        if (complete) {
            return;
        }
        due = newDue;
        leaves.add(factors(due));
        numbers.add(leaf);
        due.forEach(this::forget);
        complete = leaves.count() == count;
    }

    /**
     * A pass has used up the gradients of the leaves that have ended: where nothing was contributed
     * with them, contributions come with the others.
     */
    public void gradientsUsed() {
        if (complete && !contributed) {
            clear();
        }
    }

    /** Whether no leaf of a step has ended. */
    public boolean isInFirstLeaf() {
        return leaves.count() == 0;
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
     * @throws IllegalStateException if some leaves were dropped and others came after them
     */
    public List<Integer> exchange() {
        if (due.isEmpty()) {
            return List.of();
        }
        if (!complete) {
            throw new IllegalStateException(
                    "contributions were discarded between two leaves of a step; discard them before"
                            + " its first one or behind its last");
        }
        totals = numbers.join(team);
        var found = due.stream().filter(layer -> rows(layer) > 0).toList();
        leaves.exchange(factors(found));
        found.forEach(layer -> written[layer] = true);
        return found;
    }

    /** How many rows were exchanged of a layer. */
    public double rows(int layer) {
        return totals[NUMBERS * layer];
    }

    /** The trace of the sum that was exchanged of a factor. */
    public double trace(int factor) {
        return totals[NUMBERS * (factor / 2) + 1 + factor % 2];
    }

    /**
     * What owners have found, of whom everybody has a place for each layer.
     *
     * @param own what this member has found, by the layers' order in a list
     * @param layers that list, the same on every member
     */
    public double[] ofOwners(double[] own, List<Integer> layers) {
        var all = LeafNumbers.gather(team, own);
        var found = new double[own.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = all[owners[layers.get(i)]][i];
        }
        return found;
    }

    /** Drops all leaves. */
    public void clear() {
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
