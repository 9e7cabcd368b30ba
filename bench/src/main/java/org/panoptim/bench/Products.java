package org.panoptim.bench;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.ForwardingBlas;

import java.util.ArrayList;
import java.util.List;

/** Records the matrix products of some work, so that they can be repeated alone. */
final class Products extends ForwardingBlas {

    private final List<Product> recorded = new ArrayList<>();
    private boolean recording;

    /** A product of matrices of the same shapes, wherever they lie. */
    @FunctionalInterface
    private interface Repeated {
        void on(long a, long b, long c);
    }

    /**
     * A product, or several of equal shape.
     *
     * @param a elements from the begin of the first matrix to the end of the last
     * @param b likewise of the second factors
     * @param c likewise of the results
     */
    record Product(long a, long b, long c, Repeated repeated) {

        /** Repeats it with factors and results at other addresses. */
        void repeat(long first, long second, long result) {
            repeated.on(first, second, result);
        }
    }

    Products(CudaBlas blas) {
        super(blas);
    }

    /** Runs some work, and returns its products in order. */
    List<Product> of(Runnable work) {
        recording = true;
        try {
            work.run();
        } finally {
            recording = false;
        }
        var products = List.copyOf(recorded);
        recorded.clear();
        return products;
    }

    private void note(Product product) {
        if (recording) {
            recorded.add(product);
        }
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
        super.sgemm(handle, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        note(
                new Product(
                        elements(transposeA, m, k, lda),
                        elements(transposeB, k, n, ldb),
                        elements(false, m, n, ldc),
                        (first, second, result) ->
                                super.sgemm(
                                        handle,
                                        transposeA,
                                        transposeB,
                                        m,
                                        n,
                                        k,
                                        alpha,
                                        first,
                                        lda,
                                        second,
                                        ldb,
                                        beta,
                                        result,
                                        ldc)));
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
        super.sgemmStridedBatched(
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
        note(
                new Product(
                        (count - 1) * strideA + elements(transposeA, m, k, lda),
                        (count - 1) * strideB + elements(transposeB, k, n, ldb),
                        (count - 1) * strideC + elements(false, m, n, ldc),
                        (first, second, result) ->
                                super.sgemmStridedBatched(
                                        handle,
                                        transposeA,
                                        transposeB,
                                        m,
                                        n,
                                        k,
                                        alpha,
                                        first,
                                        lda,
                                        strideA,
                                        second,
                                        ldb,
                                        strideB,
                                        beta,
                                        result,
                                        ldc,
                                        strideC,
                                        count)));
    }

    /** Of a matrix by columns, with gaps between them. */
    private static long elements(boolean transposed, int rows, int columns, int leading) {
        return (long) leading * (transposed ? rows : columns);
    }
}
