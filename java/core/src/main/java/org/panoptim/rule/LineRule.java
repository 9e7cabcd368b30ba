package org.panoptim.rule;

/**
 * A rule that sums over the rows and columns of matrices (Adafactor), or over units (gradient
 * centralisation).
 *
 * <p>A phase takes such sums as {@linkplain UpdateRule#reductions reductions} of the scopes {@link
 * Reduction.Scope#ROW} and {@link Reduction.Scope#COLUMN}. Between it and the next phase of the
 * same step or pass, once {@link #prepare} is done for that, the rule advances the states of every
 * row and column from them, and the next phase's elements read these states. Lines are advanced in
 * any order and at the same time, so that a line must look at its own states and sums alone; what
 * all have in common, {@code prepare} leaves in states of the tensor.
 *
 * <p>The arithmetic is that of {@code prepare}: in {@code double}, rounded to {@code float} once
 * where a state is set. Only parameters that take part in the step or pass have their lines
 * advanced, and those without elements have none.
 */
public interface LineRule extends UpdateRule {

    @Override
    LineRule atLearningRate(double learningRate);

    /** Which rows and columns are meant, of sums and of states. */
    default MatrixView matrixView() {
        return MatrixView.LAST_TWO;
    }

    /**
     * Advances the states of a row ({@link Slot.Extent#ROW}).
     *
     * @param phase the phase that comes next
     * @param preparation what {@code prepare} of that phase knew, less the reductions; states can
     *     be read and not set
     * @return what the row adds to the total of its matrix; not looked at without totals
     */
    double advanceRow(int phase, Preparation preparation, Line row);

    /**
     * Advances the states of a column ({@link Slot.Extent#COLUMN}).
     *
     * @param phase the phase that comes next
     * @param preparation as for a row
     */
    default void advanceColumn(int phase, Preparation preparation, Line column) {}

    /**
     * Whether what the rows of a matrix add is summed, and every row looked at again with the sum.
     * The same for all phases: then one that sums over columns sums over rows, too.
     */
    default boolean takesTotals() {
        return false;
    }

    /**
     * Advances the states of a row again, once all rows of its matrix have been advanced. Its sums
     * are not known any more.
     *
     * @param phase the phase that comes next
     * @param preparation as before
     * @param total what the rows of the matrix add, joined by adjacent pairs
     */
    default void finishRow(int phase, Preparation preparation, Line row, double total) {}
}
