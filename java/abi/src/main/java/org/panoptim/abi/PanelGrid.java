package org.panoptim.abi;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PANEL_COLUMNS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PANEL_ROWS;

import org.panoptim.abi.KernelRegistry.Kernel;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Reduction;
import org.panoptim.tensor.Shape;

/**
 * How a parameter is cut into panels: as a stack of matrices, each in so many panels down and
 * across.
 *
 * @param matrices how many there are; none without elements
 * @param rows of a matrix
 * @param columns of a matrix
 */
record PanelGrid(long matrices, long rows, long columns) {

    /** No panels. */
    static final PanelGrid NONE = new PanelGrid(0, 1, 1);

    static PanelGrid of(Shape shape, MatrixView view) {
        long rows = view.rows(shape);
        long columns = view.columns(shape);
        long elements = shape.elements();
        return new PanelGrid(elements == 0 ? 0 : elements / (rows * columns), rows, columns);
    }

    private long down() {
        return Math.ceilDiv(rows, (long) PANOPTIM_PANEL_ROWS());
    }

    private long across() {
        return Math.ceilDiv(columns, (long) PANOPTIM_PANEL_COLUMNS());
    }

    /** The number of panels. */
    long panels() {
        return matrices * down() * across();
    }

    /** The bytes that a kernel's sums over rows and columns need. */
    long sumBytes(Kernel kernel) {
        long ofRows = kernel.ofScope(Reduction.Scope.ROW) * across() * rows;
        long ofColumns = kernel.ofScope(Reduction.Scope.COLUMN) * down() * columns;
        return Double.BYTES * matrices * (ofRows + ofColumns);
    }
}
