package org.panoptim.rule;

/** The linear algebra that a backend offers to {@linkplain MatrixRule matrix rules}. */
public interface MatrixAlgebra {

    /**
     * {@code c ← alpha · op(a) · op(b) + beta · c} over row-major matrices, where op transposes or
     * leaves its argument.
     *
     * @param rows rows of op(a) and of c
     * @param columns columns of op(b) and of c
     * @param inner columns of op(a), rows of op(b)
     * @param beta with 0, what c held is not read
     * @throws IllegalArgumentException if an array is shorter than its matrix
     */
    void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            float[] a,
            boolean transposeA,
            float[] b,
            boolean transposeB,
            float beta,
            float[] c);
}
