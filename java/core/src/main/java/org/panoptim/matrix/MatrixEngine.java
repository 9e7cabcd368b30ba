package org.panoptim.matrix;

/**
 * Linear algebra on {@linkplain MatrixBatch batches of matrices} in a backend's memory: what is
 * asked of one batch is done to each of its matrices. On a device the work is queued, so it is not
 * known to the host when it is done.
 *
 * <p>Sums may be taken in any order: backends agree within bounds of rounding, not bit for bit.
 */
public interface MatrixEngine {

    /**
     * {@code c ← alpha · op(a) · op(b) + beta · c}, where op transposes or leaves its argument.
     *
     * @param beta with 0, what c held is not read
     * @param c neither a nor b
     * @throws IllegalArgumentException if sizes or counts do not fit, c is not writable or is a or
     *     b, or a batch is another backend's
     */
    void multiply(
            float alpha,
            MatrixBatch a,
            boolean transposeA,
            MatrixBatch b,
            boolean transposeB,
            float beta,
            MatrixBatch c);

    /**
     * Copies matrices.
     *
     * @throws IllegalArgumentException if sizes or counts do not agree, {@code to} is not writable,
     *     or a batch is another backend's
     */
    void copy(MatrixBatch from, MatrixBatch to);
}
