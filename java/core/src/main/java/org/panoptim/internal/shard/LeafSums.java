package org.panoptim.internal.shard;

import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.Shares;

import java.util.List;

/**
 * Sums over the leaves of all members of arrays that something else than a step needs. They are
 * parameters here, of which the values count, and whoever owns one gets the sum.
 */
public final class LeafSums implements AutoCloseable {

    private final Shares shares;
    private final HostTransfer transfer;
    private final Leaves leaves;

    /**
     * Sums of a team.
     *
     * @param shares who owns which array
     */
    public LeafSums(Team team, Shares shares) {
        this.shares = shares;
        transfer = new HostTransfer(team);
        leaves = new Leaves(transfer);
    }

    /** How many leaves of this member have come. */
    public int count() {
        return leaves.count();
    }

    /**
     * Takes up a leaf.
     *
     * @param arrays whose values are read; in every leaf the same ones, float32
     */
    public void add(List<Parameter> arrays) {
        leaves.add(arrays, SharedArray::value, false);
    }

    /**
     * Brings sums of arrays to their owners, into the values there.
     *
     * @param arrays some of those that came in every leaf, the same ones on every member
     */
    public void exchange(List<Parameter> arrays) {
        transfer.bringMeans(shares, arrays, leaves::sum, SharedArray::value, 1);
    }

    /** Begins anew. */
    public void clear() {
        leaves.clear();
    }

    @Override
    public void close() {
        transfer.close();
    }
}
