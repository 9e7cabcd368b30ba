package org.panoptim.reference;

import java.util.Arrays;

/**
 * Sums over the rows or columns of a stack of matrices, over trees that only the elements' places
 * fix.
 *
 * <p>A row is cut into segments of 128 columns, one product a lane; lanes are joined by halving,
 * and segments by adjacent pairs. A column is cut into pieces of 64 rows, each summed in the order
 * of the rows; pieces are joined by adjacent pairs. Elements left out count as +0.
 */
sealed interface LineSums extends ElementSum {

    /** Says that all elements were added. */
    void finish();

    /** The sum of a row or column, by its number, once all elements were added. */
    double sum(long line);

    /** The sums of rows. */
    final class OfRows implements LineSums {

        private static final int LANES = 128;

        private final MatrixStack stack;
        private final int segmentsOfRow;
        private final double[] segments;
        private final double[] lanes = new double[LANES];
        private int segment;

        OfRows(MatrixStack stack) {
            this.stack = stack;
            segmentsOfRow = Math.toIntExact(Math.ceilDiv(stack.columns(), LANES));
            segments =
                    new double
                            [Math.toIntExact(
                                    Math.multiplyExact(
                                            stack.matrices() * stack.rows(), segmentsOfRow))];
        }

        @Override
        public void add(long index, float a, float b) {
            long column = index % stack.columns();
            int home = (int) (stack.rowOf(index) * segmentsOfRow + column / LANES);
            if (home != segment) {
                joinLanes();
                segment = home;
            }
            lanes[(int) (column % LANES)] += (double) a * (double) b;
        }

        private void joinLanes() {
            segments[segment] = ReductionTree.joinLanes(lanes);
            Arrays.fill(lanes, 0);
        }

        @Override
        public void finish() {
            joinLanes();
        }

        @Override
        public double sum(long row) {
            int first = (int) row * segmentsOfRow;
            return ReductionTree.join(Arrays.copyOfRange(segments, first, first + segmentsOfRow));
        }
    }

    /** The sums of columns. */
    final class OfColumns implements LineSums {

        private static final int ROWS = 64;

        private final MatrixStack stack;
        private final int piecesOfColumn;

        /** By column and piece. */
        private final double[] pieces;

        OfColumns(MatrixStack stack) {
            this.stack = stack;
            piecesOfColumn = Math.toIntExact(Math.ceilDiv(stack.rows(), ROWS));
            pieces =
                    new double
                            [Math.toIntExact(
                                    Math.multiplyExact(
                                            stack.matrices() * stack.columns(), piecesOfColumn))];
        }

        @Override
        public void add(long index, float a, float b) {
            long piece = stack.rowOf(index) % stack.rows() / ROWS;
            // The product of two floats is exact in double, so this rounds once, as fma would.
            pieces[(int) (stack.columnOf(index) * piecesOfColumn + piece)] +=
                    (double) a * (double) b;
        }

        @Override
        public void finish() {}

        @Override
        public double sum(long column) {
            int first = (int) column * piecesOfColumn;
            return ReductionTree.join(Arrays.copyOfRange(pieces, first, first + piecesOfColumn));
        }
    }
}
