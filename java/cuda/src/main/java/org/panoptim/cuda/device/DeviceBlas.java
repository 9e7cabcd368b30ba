package org.panoptim.cuda.device;

import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.spi.Cleanup;

/**
 * Products of matrices on one stream. Matrices are given by rows; cuBLAS, which takes them by
 * columns, gets their transposes in the other order.
 */
public final class DeviceBlas implements AutoCloseable {

    private final CudaBlas blas;
    private final long handle;

    private DeviceBlas(CudaBlas blas, long handle) {
        this.blas = blas;
        this.handle = handle;
    }

    public static DeviceBlas open(CudaBlas blas, long stream) {
        long handle = blas.create();
        try {
            blas.setStream(handle, stream);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> blas.destroy(handle));
            throw e;
        }
        return new DeviceBlas(blas, handle);
    }

    /** The library's version, and what carries the calls. */
    public synchronized String description() {
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
        blas.sgemmStridedBatched(
                handle, false, false, n, m, k, 1, b, n, strideB, a, k, strideA, 0, c, n, strideC,
                count);
    }

    /** C ← A B, by rows: m × k times k × n. */
    public synchronized void multiply(int m, int k, int n, long a, long b, long c) {
        blas.sgemm(handle, false, false, n, m, k, 1, b, n, a, k, 0, c, n);
    }

    @Override
    public void close() {
        blas.destroy(handle);
    }
}
