package org.panoptim.rule;

import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.tensor.Shape;

/**
 * The parameters of one shape in the hands of a {@link MatrixRule}. Matrix i of every batch is the
 * same parameter's.
 *
 * <p>It belongs to one call of {@link MatrixRule#between}. Kept for longer, it throws an {@link
 * IllegalStateException}, and so does its engine, whatever it is asked for, and every engine that
 * is asked for something of its matrices.
 */
public interface MatrixWork {

    /** The shape of each parameter. */
    Shape shape();

    /**
     * A slot as matrices, by its place in {@link UpdateRule#slots(Shape)}; writable if it is {@link
     * Slot#forOneStep for one step}.
     *
     * @throws IllegalArgumentException if it has no value for each element
     */
    MatrixBatch slot(int slot);

    /** The matrices of {@link MatrixRule#scratch}, by their place there. */
    MatrixBatch scratch(int place);

    /** The linear algebra of the backend. */
    MatrixEngine engine();
}
