package org.panoptim.cuda.device;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.spi.Cleanup;

/**
 * Products of matrices on one stream. Matrices are given by rows; cuBLAS, which takes them by
 * columns, gets their transposes in the other order.
 *
 * <p>Safe for use by several threads; every method makes the device's context current.
 */
public final class DeviceBlas implements AutoCloseable {

    private final CudaDevice device;
    private final CudaBlas blas;
    private final long handle;

    private DeviceBlas(CudaDevice device, CudaBlas blas, long handle) {
        this.device = device;
        this.blas = blas;
        this.handle = handle;
    }

    /**
     * Creates a handle on a stream.
     *
     * @param device whose context is made current for every call
     * @param blas the library
     */
    public static DeviceBlas open(CudaDevice device, CudaBlas blas, long stream) {
        long handle = blas.create();
        try {
            blas.setStream(handle, stream);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> blas.destroy(handle));
            throw e;
        }
        return new DeviceBlas(device, blas, handle);
    }

    /** The library's version, and what carries the calls. */
    public synchronized String description() {
        device.enter();
        int version = blas.version(handle);
        return "cuBLAS %d.%d.%d through %s"
                .formatted(version / 10000, version / 100 % 100, version % 100, blas.name());
    }

    /**
     * C ← A B, for matrices by rows that follow each other without gaps.
     *
     * @param m rows of A and C
     * @param k columns of A, rows of B
     * @param n columns of B and C
     * @param strideA elements from a matrix A to the next; likewise the others
     */
    public synchronized void multiply(
            int m,
            int k,
            int n,
            long a,
            long strideA,
            long b,
            long strideB,
            long c,
            long strideC,
            int count) {
        multiply(
                new Product(m, n, k, 1, false, false, 0),
                a,
                strideA,
                b,
                strideB,
                c,
                strideC,
                count);
    }

    /** C ← A B, by rows: m × k times k × n. */
    public synchronized void multiply(int m, int k, int n, long a, long b, long c) {
        multiply(new Product(m, n, k, 1, false, false, 0), a, b, c);
    }

    /**
     * {@code C ← alpha · op(A) · op(B) + beta · C} by rows, where op transposes or not.
     *
     * @param inner columns of op(A), rows of op(B)
     */
    public record Product(
            int rows,
            int columns,
            int inner,
            float alpha,
            boolean transposeA,
            boolean transposeB,
            float beta) {

        /** How matrices without gaps lie. */
        private Widths dense() {
            return new Widths(
                    Math.max(1, transposeA ? rows : inner),
                    Math.max(1, transposeB ? inner : columns),
                    Math.max(1, columns));
        }
    }

    /**
     * How matrices lie that are parts of others: the elements from a stored row to the next.
     *
     * @param a of A; likewise the others
     */
    public record Widths(int a, int b, int c) {}

    /** One product. */
    public synchronized void multiply(Product product, long a, long b, long c) {
        device.enter();
        var widths = product.dense();
        blas.sgemm(
                handle,
                product.transposeB,
                product.transposeA,
                product.columns,
                product.rows,
                product.inner,
                product.alpha,
                b,
                widths.b,
                a,
                widths.a,
                product.beta,
                c,
                widths.c);
    }

    /** Products of matrices that follow each other at these distances, in elements. */
    public synchronized void multiply(
            Product product,
            long a,
            long strideA,
            long b,
            long strideB,
            long c,
            long strideC,
            int count) {
        multiply(product, product.dense(), a, strideA, b, strideB, c, strideC, count);
    }

    /** The same of parts of matrices. */
    public synchronized void multiply(
            Product product,
            Widths widths,
            long a,
            long strideA,
            long b,
            long strideB,
            long c,
            long strideC,
            int count) {
        device.enter();
        blas.sgemmStridedBatched(
                handle,
                product.transposeB,
                product.transposeA,
                product.columns,
                product.rows,
                product.inner,
                product.alpha,
                b,
                widths.b,
                strideB,
                a,
                widths.a,
                strideA,
                product.beta,
                c,
                widths.c,
                strideC,
                count);
    }

    /** Says on which stream the products from now on are queued. */
    public synchronized void on(long stream) {
        device.enter();
        blas.setStream(handle, stream);
    }

    @Override
    public synchronized void close() {
        device.enter();
        blas.destroy(handle);
    }
}
