package org.panoptim.kfac.engine;

import org.panoptim.shard.Team;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A few numbers of each leaf, added up over all members by adjacent pairs, as gradients are;
 * everybody gets the sums.
 */
final class LeafNumbers {

    /** The sums that wait for others of their size, of 2ⁱ leaves each. */
    private final List<double[]> waiting = new ArrayList<>();

    private int count;

    /** Takes up a leaf. */
    void add(double[] leaf) {
        var sum = leaf.clone();
        int level = 0;
        for (; (count >> level & 1) == 1; level++) {
            sum = sum(waiting.get(level), sum);
        }
        if (level == waiting.size()) {
            waiting.add(sum);
        } else {
            waiting.set(level, sum);
        }
        count++;
    }

    /** The sums over the leaves of all members, of which each has taken up a power of two. */
    double[] join(Team team) {
        var rows = gather(team, waiting.get(Integer.numberOfTrailingZeros(count)));
        for (int apart = 1; apart < rows.length; apart *= 2) {
            for (int row = 0; row < rows.length; row += 2 * apart) {
                rows[row] = sum(rows[row], rows[row + apart]);
            }
        }
        return rows[0];
    }

    private static double[] sum(double[] earlier, double[] later) {
        var sums = new double[later.length];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = earlier[i] + later[i];
        }
        return sums;
    }

    /** Begins anew. */
    void clear() {
        count = 0;
    }

    /** What each member has. */
    static double[][] gather(Team team, double[] own) {
        if (own.length == 0) {
            return new double[team.size()][0];
        }
        var bytes = ByteBuffer.allocate(Math.multiplyExact(own.length, Double.BYTES));
        bytes.asDoubleBuffer().put(own);
        return team.gather(bytes.array()).stream()
                .map(each -> doubles(each, own.length))
                .toArray(double[][]::new);
    }

    private static double[] doubles(byte[] bytes, int count) {
        var numbers = new double[count];
        ByteBuffer.wrap(bytes).asDoubleBuffer().get(numbers);
        return numbers;
    }
}
