package org.panoptim.matrix;

import org.panoptim.tensor.Shape;

/**
 * Rows and columns of a matrix.
 *
 * @param rows at least 0
 * @param columns at least 0
 */
public record MatrixSize(int rows, int columns) {

    /** Checks the components. */
    public MatrixSize {
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException(
                    "a matrix cannot have %d rows and %d columns".formatted(rows, columns));
        }
    }

    /**
     * A tensor's elements as a matrix: the first dimension counts the rows, and all others together
     * the columns. Of one dimension it is a column, and of none a single element.
     *
     * @throws ArithmeticException if it is too large for a matrix
     */
    public static MatrixSize of(Shape shape) {
        var dimensions = shape.dimensions();
        if (dimensions.isEmpty()) {
            return new MatrixSize(1, 1);
        }
        long columns = 1;
        for (long dimension : dimensions.subList(1, dimensions.size())) {
            columns = Math.multiplyExact(columns, dimension);
        }
        return new MatrixSize(Math.toIntExact(dimensions.getFirst()), Math.toIntExact(columns));
    }

    /** How many elements there are. */
    public long elements() {
        return (long) rows * columns;
    }

    /** The size of its transpose. */
    public MatrixSize transposed() {
        return new MatrixSize(columns, rows);
    }

    @Override
    public String toString() {
        return rows + " x " + columns;
    }
}
