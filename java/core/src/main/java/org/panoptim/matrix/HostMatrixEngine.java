package org.panoptim.matrix;

import java.lang.foreign.MemorySegment;

/**
 * Linear algebra on matrices in host memory, one matrix after another.
 *
 * @param algebra computes with one matrix at a time
 */
public record HostMatrixEngine(HostAlgebra algebra) implements MatrixEngine {

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
        var left = onHost(a);
        var right = onHost(b);
        var product = onHost(c);
        int inner = transposeA ? a.size().rows() : a.size().columns();
        for (int i = 0; i < product.count(); i++) {
            algebra.multiply(
                    c.size().rows(),
                    c.size().columns(),
                    inner,
                    alpha,
                    left.segments().get(i),
                    transposeA,
                    right.segments().get(i),
                    transposeB,
                    beta,
                    product.segments().get(i));
        }
    }

    @Override
    public void copy(MatrixBatch from, MatrixBatch to) {
        MatrixChecks.copy(from, to);
        var sources = onHost(from);
        var targets = onHost(to);
        long bytes = from.size().elements() * Float.BYTES;
        for (int i = 0; i < sources.count(); i++) {
            MemorySegment.copy(sources.segments().get(i), 0, targets.segments().get(i), 0, bytes);
        }
    }

    private static HostBatch onHost(MatrixBatch batch) {
        if (batch instanceof HostBatch host) {
            return host;
        }
        throw new IllegalArgumentException("these matrices are not this backend's");
    }
}
