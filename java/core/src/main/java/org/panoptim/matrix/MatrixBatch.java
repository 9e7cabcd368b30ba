package org.panoptim.matrix;

/**
 * Matrices of one size in a backend's memory, float32, by rows, dense: a handle for the {@link
 * MatrixEngine} of the backend that made it.
 */
public interface MatrixBatch {

    /** How many there are. */
    int count();

    /** The size of each. */
    MatrixSize size();

    /** Whether an engine may write them. */
    boolean isWritable();
}
