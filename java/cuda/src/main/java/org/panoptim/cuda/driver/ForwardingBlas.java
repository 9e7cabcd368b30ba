package org.panoptim.cuda.driver;

/** A cuBLAS that passes every call on to another one, for those that look at some of them. */
public abstract class ForwardingBlas implements CudaBlas {

    private final CudaBlas blas;

    /** Passes calls on. */
    protected ForwardingBlas(CudaBlas blas) {
        this.blas = blas;
    }

    @Override
    public String name() {
        return blas.name();
    }

    @Override
    public long create() {
        return blas.create();
    }

    @Override
    public void destroy(long handle) {
        blas.destroy(handle);
    }

    @Override
    public int version(long handle) {
        return blas.version(handle);
    }

    @Override
    public void setStream(long handle, long stream) {
        blas.setStream(handle, stream);
    }

    @Override
    public void sgemm(
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
            int ldc) {
        blas.sgemm(handle, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }

    @Override
    public void sgemmStridedBatched(
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
            int count) {
        blas.sgemmStridedBatched(
                handle,
                transposeA,
                transposeB,
                m,
                n,
                k,
                alpha,
                a,
                lda,
                strideA,
                b,
                ldb,
                strideB,
                beta,
                c,
                ldc,
                strideC,
                count);
    }
}
