package org.panoptim.cuda.matrix;

import org.panoptim.cuda.device.DeviceBlas;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixChecks;
import org.panoptim.matrix.MatrixEngine;

/**
 * Linear algebra over cuBLAS, queued on a stream. Matrices that follow each other at one distance
 * take one call, others one each.
 */
public final class DeviceMatrixEngine implements MatrixEngine, AutoCloseable {

    private final DeviceContext context;
    private final DeviceBlas blas;
    private long stream;

    /**
     * An engine of its own handle.
     *
     * @param blas on the context's stream; closed with this
     */
    public DeviceMatrixEngine(DeviceContext context, DeviceBlas blas) {
        this.context = context;
        this.blas = blas;
        stream = context.stream();
    }

    /** Says on which stream the work from now on is queued. */
    public void on(long newStream) {
        if (newStream != stream) {
            blas.on(newStream);
            stream = newStream;
        }
    }

    @Override
    public void multiply(
            float alpha,
            MatrixBatch a,
            boolean transposeA,
            MatrixBatch b,
            boolean transposeB,
            float beta,
            MatrixBatch c) {
        MatrixChecks.product(a, transposeA, b, transposeB, c);
        var left = onDevice(a);
        var right = onDevice(b);
        var product = onDevice(c);
        var shape =
                new DeviceBlas.Product(
                        c.size().rows(),
                        c.size().columns(),
                        transposeA ? a.size().rows() : a.size().columns(),
                        alpha,
                        transposeA,
                        transposeB,
                        beta);
        if (left.isEven() && right.isEven() && product.isEven()) {
            blas.multiply(
                    shape,
                    left.address(0),
                    left.stride(),
                    right.address(0),
                    right.stride(),
                    product.address(0),
                    product.stride(),
                    product.count());
            return;
        }
        for (int i = 0; i < product.count(); i++) {
            blas.multiply(shape, left.address(i), right.address(i), product.address(i));
        }
    }

    @Override
    public void copy(MatrixBatch from, MatrixBatch to) {
        MatrixChecks.copy(from, to);
        var sources = onDevice(from);
        var targets = onDevice(to);
        long bytes = from.size().elements() * Float.BYTES;
        context.enter();
        var driver = context.driver();
        boolean dense =
                sources.isEven()
                        && targets.isEven()
                        && sources.stride() == from.size().elements()
                        && targets.stride() == from.size().elements();
        if (dense) {
            driver.copyOnDevice(
                    targets.address(0), sources.address(0), bytes * sources.count(), stream);
            return;
        }
        for (int i = 0; i < sources.count(); i++) {
            driver.copyOnDevice(targets.address(i), sources.address(i), bytes, stream);
        }
    }

    private static DeviceBatch onDevice(MatrixBatch batch) {
        if (batch instanceof DeviceBatch device) {
            return device;
        }
        throw new IllegalArgumentException("these matrices are not this backend's");
    }

    @Override
    public void close() {
        blas.close();
    }
}
