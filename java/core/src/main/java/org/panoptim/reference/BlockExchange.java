package org.panoptim.reference;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.Team;
import org.panoptim.spi.Shares;
import org.panoptim.spi.SumExchange;

import java.util.ArrayList;
import java.util.List;

/** Completes sums over the blocks of all tensors by what the other members of a team have. */
final class BlockExchange implements AutoCloseable {

    private final SumExchange exchange;

    /** By place in a column: the tensor, and the block in it. */
    private final int[] tensors;

    private final int[] blocks;

    BlockExchange(Team team, Shares shares, List<GroupedTensor> tensors) {
        int count = tensors.stream().mapToInt(each -> blocks(each.tensor().elements)).sum();
        this.tensors = new int[count];
        this.blocks = new int[count];
        var places = new int[team.size()][];
        for (int member = 0; member < places.length; member++) {
            places[member] = places(member, shares, tensors);
        }
        exchange = new SumExchange(team, places);
    }

    private int[] places(int member, Shares shares, List<GroupedTensor> all) {
        var found = new ArrayList<Integer>();
        int first = 0;
        for (int i = 0; i < all.size(); i++) {
            var tensor = all.get(i).tensor();
            int from = blocks(shares.begin(tensor.parameter, member));
            int to = blocks(shares.begin(tensor.parameter, member + 1));
            for (int block = from; block < to; block++) {
                tensors[first + block] = i;
                blocks[first + block] = block;
                found.add(first + block);
            }
            first += blocks(tensor.elements);
        }
        return found.stream().mapToInt(Integer::intValue).toArray();
    }

    private static int blocks(long elements) {
        return Math.toIntExact(Math.ceilDiv(elements, ReductionTree.BLOCK));
    }

    /**
     * Completes sums.
     *
     * @param columns a tree for each tensor, or none where no sum is taken, once for each sum
     */
    void run(List<@Nullable ReductionTree[]> columns) {
        if (columns.isEmpty()) {
            return;
        }
        for (var column : columns) {
            for (var tree : column) {
                if (tree != null) {
                    tree.finish();
                }
            }
        }
        exchange.run(
                new SumExchange.Columns() {
                    @Override
                    public int count() {
                        return columns.size();
                    }

                    @Override
                    public double get(int column, int place) {
                        var tree = columns.get(column)[tensors[place]];
                        return tree == null ? 0 : tree.block(blocks[place]);
                    }

                    @Override
                    public void set(int column, int place, double sum) {
                        var tree = columns.get(column)[tensors[place]];
                        if (tree != null) {
                            tree.block(blocks[place], sum);
                        }
                    }
                });
    }

    @Override
    public void close() {
        exchange.close();
    }
}
