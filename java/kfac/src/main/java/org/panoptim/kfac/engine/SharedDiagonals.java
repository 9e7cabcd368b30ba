package org.panoptim.kfac.engine;

import org.panoptim.shard.Team;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * What members of a team contribute to diagonals: of each micro-batch, a leaf, the mean squares of
 * its rows. Everybody gets those of all leaves, and takes them up in their order as one process
 * does that sees one after the other, so that it does not matter whose leaf it is. They are as many
 * doubles as a layer has inputs and outputs, once in a period: to add them up on the way would save
 * little.
 */
public final class SharedDiagonals {

    /** Stands for the rows of a layer that had no contribution. */
    private static final double NONE = -1;

    private final FisherPlan plan;
    private final Team team;

    /** This member's that have ended: what each layer has contributed, if anything. */
    private final List<Map<Integer, MeanSquares>> leaves = new ArrayList<>();

    /** Whether all of this member's for a step have ended. */
    private boolean complete;

    /** Nothing yet. */
    public SharedDiagonals(FisherPlan plan, Team team) {
        this.plan = plan;
        this.team = team;
    }

    /**
     * Checks that a layer may contribute to the present leaf.
     *
     * @throws IllegalStateException if all leaves of the coming step have ended
     */
    public void requireIncomplete(KroneckerLayer layer) {
        if (complete) {
            throw contributed()
                    ? LateContributions.again(layer.name())
                    : LateContributions.late(layer.name());
        }
    }

    private boolean contributed() {
        return !leaves.stream().allMatch(Map::isEmpty);
    }

    /**
     * Ends a leaf. What came with leaves whose gradients a pass has used up waits for the step.
     *
     * @param leaf what each layer has contributed
     * @param count this member's leaves of a step
     */
    public void end(Map<Integer, MeanSquares> leaf, int count) {
        if (complete) {
            return;
        }
        leaves.add(leaf);
        complete = leaves.size() == count;
    }

    /**
     * A pass has used up the gradients of the leaves that have ended: where nothing was contributed
     * with them, contributions come with the others.
     *
     * @param present what has come since the last one ended: the only leaf, if it is one
     */
    public void gradientsUsed(Map<Integer, MeanSquares> present) {
        if (leaves.isEmpty()) {
            end(present, 1);
        }
        if (!contributed()) {
            clear();
        }
    }

    /**
     * What layers have contributed to the leaves of all members, of which none waits any more.
     *
     * @param due the layers whose contributions count, on every member the same
     * @param count this member's leaves of a step
     * @param present what has come since the last one ended: the only leaf, if it is one
     * @throws IllegalStateException if something has come that belongs to no leaf
     */
    public SequencedMap<Integer, MeanSquares> gather(
            List<Integer> due, int count, Map<Integer, MeanSquares> present) {
        if (!present.isEmpty()) {
            if (count > 1) {
                int layer = present.keySet().iterator().next();
                throw LateContributions.late(plan.layers().get(layer).name());
            }
            end(present, count);
        }
        var layers = contributed(due);
        var sums = new TreeMap<Integer, MeanSquares>();
        for (var leaf : leavesOfAll(layers, count)) {
            leaf.forEach((layer, squares) -> sums.merge(layer, squares, MeanSquares::and));
        }
        return sums;
    }

    /** In their order. */
    private List<Map<Integer, MeanSquares>> leavesOfAll(List<Integer> layers, int count) {
        int width = layers.stream().mapToInt(this::width).sum();
        var own = new double[count * width];
        for (int i = 0; i < count; i++) {
            write(i < leaves.size() ? leaves.get(i) : Map.of(), layers, own, i * width);
        }
        clear();
        var all = new ArrayList<Map<Integer, MeanSquares>>();
        for (var ofMember : LeafNumbers.gather(team, own)) {
            for (int i = 0; i < count; i++) {
                all.add(read(ofMember, i * width, layers));
            }
        }
        return all;
    }

    /** The layers of some of which any member has contributions: nothing travels of others. */
    private List<Integer> contributed(List<Integer> layers) {
        var own = new double[layers.size()];
        for (int i = 0; i < own.length; i++) {
            int layer = layers.get(i);
            own[i] = leaves.stream().anyMatch(leaf -> leaf.containsKey(layer)) ? 1 : 0;
        }
        var all = LeafNumbers.gather(team, own);
        return IntStream.range(0, own.length)
                .filter(i -> Arrays.stream(all).anyMatch(ofMember -> ofMember[i] > 0))
                .mapToObj(layers::get)
                .toList();
    }

    /** Numbers of a layer: its rows, and their mean squares. */
    private int width(int layer) {
        var described = plan.layers().get(layer);
        return 1 + described.inputs() + described.outputs();
    }

    private void write(
            Map<Integer, MeanSquares> leaf, List<Integer> layers, double[] to, int first) {
        int at = first;
        for (int layer : layers) {
            var found = leaf.get(layer);
            if (found == null) {
                to[at] = NONE;
            } else {
                int inputs = plan.layers().get(layer).inputs();
                to[at] = found.rows();
                copy(found.inputs(), to, at + 1);
                copy(found.outputGradients(), to, at + 1 + inputs);
            }
            at += width(layer);
        }
    }

    private static void copy(double[] from, double[] to, int first) {
        System.arraycopy(from, 0, to, first, from.length);
    }

    private Map<Integer, MeanSquares> read(double[] from, int first, List<Integer> layers) {
        var leaf = new HashMap<Integer, MeanSquares>();
        int at = first;
        for (int layer : layers) {
            int end = at + width(layer);
            if (from[at] != NONE) {
                int outputs = at + 1 + plan.layers().get(layer).inputs();
                leaf.put(
                        layer,
                        new MeanSquares(
                                (long) from[at],
                                Arrays.copyOfRange(from, at + 1, outputs),
                                Arrays.copyOfRange(from, outputs, end)));
            }
            at = end;
        }
        return leaf;
    }

    /** Drops all leaves. */
    public void clear() {
        leaves.clear();
        complete = false;
    }
}
