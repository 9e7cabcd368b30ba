package org.panoptim.reference;

import java.util.Arrays;

/**
 * A sum of products over a tree that only the elements' indices fix.
 *
 * <p>A block is 4096 elements. In it, lane j of 128 sums the elements with index ≡ j in index
 * order; the lanes are joined by halving. Blocks, and above them tensors, are joined by adjacent
 * pairs, an odd one passing up. Elements left out count as +0.
 */
final class ReductionTree implements ElementSum {

    static final int BLOCK = 4096;
    private static final int LANES = 128;

    private final double[] blocks;
    private final double[] lanes = new double[LANES];
    private int block;
    private boolean finished;

    /** A tree over so many elements. */
    ReductionTree(long elements) {
        blocks = new double[Math.toIntExact(Math.ceilDiv(elements, BLOCK))];
    }

    @Override
    public void add(long index, float a, float b) {
        int home = (int) (index / BLOCK);
        if (home != block) {
            joinLanes();
            block = home;
        }
        // The product of two floats is exact in double, so this rounds once, as fma would.
        lanes[(int) (index % LANES)] += (double) a * (double) b;
    }

    /** Says that all elements were added that are here. */
    void finish() {
        if (blocks.length > 0 && !finished) {
            joinLanes();
        }
        finished = true;
    }

    /** The sum of a block, once finished. */
    double block(int index) {
        return blocks[index];
    }

    /** Takes up the sum of a block whose elements are not here, once finished. */
    void block(int index, double sum) {
        blocks[index] = sum;
    }

    /** The sum of all that was added. */
    double sum() {
        finish();
        return join(blocks);
    }

    private void joinLanes() {
        blocks[block] = joinLanes(lanes);
        Arrays.fill(lanes, 0);
    }

    /** Joins lanes by halving; they are overwritten. */
    static double joinLanes(double[] lanes) {
        for (int width = lanes.length / 2; width > 0; width /= 2) {
            for (int i = 0; i < width; i++) {
                lanes[i] += lanes[i + width];
            }
        }
        return lanes[0];
    }

    /** Joins by adjacent pairs; +0 if there is nothing to join. */
    static double join(double[] values) {
        var level = values.clone();
        for (int count = level.length; count > 1; count = (count + 1) / 2) {
            for (int i = 0; i < count / 2; i++) {
                level[i] = level[2 * i] + level[2 * i + 1];
            }
            if (count % 2 != 0) {
                level[count / 2] = level[count - 1];
            }
        }
        return level.length == 0 ? 0 : level[0];
    }
}
