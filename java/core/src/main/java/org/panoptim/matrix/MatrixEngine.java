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
     * A rank-k update, {@code c ← alpha · op(a) · op(a)ᵀ + beta · c}, exactly symmetric.
     *
     * @param beta with 0, what c held is not read; otherwise c must be symmetric
     * @param c square, not a
     * @throws IllegalArgumentException if sizes or counts do not fit, c is not writable or is a, or
     *     a batch is another backend's
     */
    void rankUpdate(float alpha, MatrixBatch a, boolean transpose, float beta, MatrixBatch c);

    /**
     * The Cholesky factorisation {@code L Lᵀ = a + damping · I}: L with zeros above its diagonal.
     * Where a matrix is not positive definite, or not finite, every element is NaN.
     *
     * @param a square and symmetric; the lower triangle is read
     * @param damping finite, at least 0
     * @param factor not a
     * @throws IllegalArgumentException if sizes or counts do not fit, the factor is not writable or
     *     is a, the damping is out of its range, or a batch is another backend's
     */
    void factorise(MatrixBatch a, double damping, MatrixBatch factor);

    /**
     * The inverse {@code (a + damping · I)⁻¹}, exactly symmetric. Where a matrix is not positive
     * definite, or not finite, every element is NaN; where an element of an inverse is too large
     * for a float, that one is not finite, and others may not be.
     *
     * @param a square and symmetric; the lower triangle is read
     * @param damping finite, at least 0
     * @param work of the same size, for intermediate results; what it holds afterwards means
     *     nothing
     * @param inverse neither a nor work
     * @throws IllegalArgumentException if sizes or counts do not fit, work or inverse is not
     *     writable, two of the batches are the same, the damping is out of its range, or a batch is
     *     another backend's
     */
    void invert(MatrixBatch a, double damping, MatrixBatch work, MatrixBatch inverse);

    /**
     * The Frobenius norm of each matrix, summed in double.
     *
     * @param norms 1 x 1
     * @throws IllegalArgumentException if sizes or counts do not fit, norms is not writable or is
     *     a, or a batch is another backend's
     */
    void norms(MatrixBatch a, MatrixBatch norms);

    /**
     * {@code a ← a / (divisor + epsilon)}, each matrix by its own number.
     *
     * @param divisors 1 x 1
     * @throws IllegalArgumentException if sizes or counts do not fit, a is not writable or is
     *     divisors, or a batch is another backend's
     */
    void divide(MatrixBatch a, MatrixBatch divisors, float epsilon);

    /**
     * Copies matrices.
     *
     * @throws IllegalArgumentException if sizes or counts do not agree, {@code to} is not writable,
     *     or a batch is another backend's
     */
    void copy(MatrixBatch from, MatrixBatch to);
}
