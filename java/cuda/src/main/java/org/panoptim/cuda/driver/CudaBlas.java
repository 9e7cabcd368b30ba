package org.panoptim.cuda.driver;

/**
 * The part of cuBLAS that Panoptim uses; the only door to it. Matrices are single precision, stored
 * by columns as cuBLAS has them, and lie in device memory; scalars are taken from the host before a
 * call returns.
 *
 * <p>Every method throws a {@link CudaException} that names the call if cuBLAS returns an error.
 */
public interface CudaBlas {

    /** What carries the calls, for example {@code "FFM"} or {@code "JCublas 12.6.0"}. */
    String name();

    /** Creates a handle for the current context; products are in full single precision. */
    long create();

    /** Destroys a handle. */
    void destroy(long handle);

    /** The library's version, for example 130100. */
    int version(long handle);

    /** The stream for the handle's later calls. */
    void setStream(long handle, long stream);

    /**
     * C ← α op(A) op(B) + β C, where op transposes or not; C is m × n, op(A) m × k, op(B) k × n.
     *
     * @param lda elements from a column of A to the next; {@code ldb}, {@code ldc} likewise
     */
    void sgemm(
            long handle,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float alpha,
            long a,
            int lda,
            long b,
            int ldb,
            float beta,
            long c,
            int ldc);

    /** As {@link #sgemm}, of matrices that follow each other at fixed distances, in elements. */
    void sgemmStridedBatched(
            long handle,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float alpha,
            long a,
            int lda,
            long strideA,
            long b,
            int ldb,
            long strideB,
            float beta,
            long c,
            int ldc,
            long strideC,
            int count);
}
