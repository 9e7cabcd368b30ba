package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.Objects;

/**
 * How rows and columns are found in a parameter: as a stack of matrices of one size, whose elements
 * lie row by row and matrix after matrix. Whatever the view, a parameter of fewer than two
 * dimensions is one row.
 */
public enum MatrixView {
    /** The last two dimensions are rows and columns, all before them number the matrices. */
    LAST_TWO,
    /**
     * One matrix: the first dimension numbers the rows, so that a row is a unit (what leads to one
     * output: of a linear layer a row of the weight, of a convolution a filter), and all others are
     * the columns.
     */
    UNITS;

    /** The view that a rule's rows and columns are of. */
    public static MatrixView of(UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        return rule instanceof LineRule lines ? lines.matrixView() : LAST_TWO;
    }

    /** The dimension that numbers the rows, where there are two at least. */
    private int rowDimension(int rank) {
        return this == UNITS ? 0 : rank - 2;
    }

    /** The rows of each matrix of a parameter. */
    public long rows(Shape parameter) {
        Objects.requireNonNull(parameter, "parameter");
        var dimensions = parameter.dimensions();
        int rank = dimensions.size();
        return rank < 2 ? 1 : dimensions.get(rowDimension(rank));
    }

    /** The columns of each matrix of a parameter. */
    public long columns(Shape parameter) {
        Objects.requireNonNull(parameter, "parameter");
        var dimensions = parameter.dimensions();
        int rank = dimensions.size();
        long columns = 1;
        for (int i = rank < 2 ? 0 : rowDimension(rank) + 1; i < rank; i++) {
            columns *= dimensions.get(i);
        }
        return columns;
    }

    /** A parameter's shape with 1 for all that number columns, or 0 if it has no elements. */
    Shape rowShape(Shape parameter) {
        int rank = parameter.dimensions().size();
        return collapsed(parameter, rank < 2 ? 0 : rowDimension(rank) + 1, rank);
    }

    /** A parameter's shape with 1 for the one that numbers rows, or 0 if it has no elements. */
    Shape columnShape(Shape parameter) {
        int rank = parameter.dimensions().size();
        return rank < 2
                ? parameter
                : collapsed(parameter, rowDimension(rank), rowDimension(rank) + 1);
    }

    private static Shape collapsed(Shape shape, int first, int end) {
        var dimensions = new ArrayList<>(shape.dimensions());
        for (int i = first; i < end; i++) {
            dimensions.set(i, Math.min(1, dimensions.get(i)));
        }
        return new Shape(dimensions);
    }
}
