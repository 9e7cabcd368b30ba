package org.panoptim.matrix;

import java.lang.foreign.MemorySegment;

/**
 * Linear algebra on one matrix at a time in host memory. Segments begin at the first element of a
 * matrix. Several threads may call it at once.
 */
public interface HostAlgebra {

    /** What carries it, for {@code doctor}: for example {@code "plain Java"}. */
    String name();

    /**
     * {@code target ← a · source + b · target} for so many floats; with b = 0 target is not read.
     */
    void combine(double a, MemorySegment source, double b, MemorySegment target, long count);

    /**
     * {@code factor ← factor + weight · Σ r rᵀ} over the rows r, both triangles, exactly symmetric.
     *
     * @param rows count × columns
     * @param ones whether each row is followed by a one that is not stored
     * @param factor square, of {@code columns} or with {@code ones} one more
     */
    void addRows(
            double weight,
            MemorySegment rows,
            long count,
            int columns,
            boolean ones,
            MemorySegment factor);

    /**
     * {@code inverse ← (factor + damping · I)⁻¹} from the Cholesky factorisation of the damped
     * factor scaled to a diagonal of ones; exactly symmetric.
     *
     * @param doublePrecision whether to compute in double and round the result
     * @return the status; unless it is {@code INVERTED}, what {@code inverse} holds means nothing
     */
    Inverted.Status invert(
            int n,
            MemorySegment factor,
            double damping,
            boolean doublePrecision,
            MemorySegment inverse);

    /**
     * The Cholesky factorisation {@code L Lᵀ = matrix + damping · I}.
     *
     * @param n at least 1
     * @param matrix n × n, symmetric; the lower triangle is read
     * @param factor L, with zeros above its diagonal
     * @return false if it is not positive definite: then what {@code factor} holds means nothing
     */
    boolean factorise(int n, MemorySegment matrix, double damping, MemorySegment factor);

    /**
     * {@code c ← alpha · op(a) · op(b) + beta · c}, where op transposes or leaves its argument.
     *
     * @param rows rows of op(a) and of c
     * @param columns columns of op(b) and of c
     * @param inner columns of op(a), rows of op(b)
     * @param beta with 0, what c held is not read
     */
    void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            MemorySegment a,
            boolean transposeA,
            MemorySegment b,
            boolean transposeB,
            float beta,
            MemorySegment c);

    /** {@code c ← a b}, of rows × inner and inner × columns. */
    default void multiply(
            int rows, int columns, int inner, MemorySegment a, MemorySegment b, MemorySegment c) {
        multiply(rows, columns, inner, 1, a, false, b, false, 0, c);
    }

    /**
     * {@code product ← left · middle · right}, computed in double and rounded once.
     *
     * @param left rows × rows
     * @param middle rows × columns
     * @param right columns × columns
     */
    void multiplyInDouble(
            int rows,
            int columns,
            MemorySegment left,
            MemorySegment middle,
            MemorySegment right,
            MemorySegment product);

    /**
     * Products in double for a {@link Certificate}, each a sum of sums of {@link
     * Certificate#BLOCK}.
     *
     * @param matrix n × n floats
     * @param vectors n × {@link Certificate#PROBES} doubles
     * @param scale n doubles s
     * @param products {@code matrix · vectors}, as many doubles as {@code vectors}
     * @param sums for each row i two doubles: {@code Σ |m_ij|} and {@code s_i² Σ (m_ij s_j)²}
     */
    void probe(
            int n,
            MemorySegment matrix,
            MemorySegment vectors,
            MemorySegment scale,
            MemorySegment products,
            MemorySegment sums);
}
