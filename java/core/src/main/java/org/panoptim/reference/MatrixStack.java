package org.panoptim.reference;

import org.panoptim.rule.MatrixView;
import org.panoptim.tensor.Shape;

/**
 * A parameter as a stack of matrices of one size. Rows and columns are numbered through all of
 * them.
 *
 * @param matrices how many there are
 * @param rows of each
 * @param columns of each
 */
record MatrixStack(long matrices, long rows, long columns) {

    static MatrixStack of(Shape shape, MatrixView view) {
        long rows = view.rows(shape);
        long columns = view.columns(shape);
        long elements = shape.elements();
        return new MatrixStack(elements == 0 ? 0 : elements / (rows * columns), rows, columns);
    }

    /** The number of an element's row. */
    long rowOf(long index) {
        return index / columns;
    }

    /** The number of an element's column. */
    long columnOf(long index) {
        return index / (rows * columns) * columns + index % columns;
    }
}
