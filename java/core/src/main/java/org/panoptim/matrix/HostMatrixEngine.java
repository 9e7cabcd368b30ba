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
    public void rankUpdate(
            float alpha, MatrixBatch a, boolean transpose, float beta, MatrixBatch c) {
        MatrixChecks.rankUpdate(a, transpose, c);
        multiply(alpha, a, transpose, a, !transpose, beta, c);
        onHost(c).segments().forEach(segment -> mirror(c.size().rows(), segment));
    }

    /** What is above the diagonal becomes what is below it. */
    private static void mirror(int n, MemorySegment matrix) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                Floats.set(matrix, (long) j * n + i, Floats.get(matrix, (long) i * n + j));
            }
        }
    }

    @Override
    public void factorise(MatrixBatch a, double damping, MatrixBatch factor) {
        MatrixChecks.factorisation(a, damping, factor);
        var matrices = onHost(a);
        var factors = onHost(factor);
        int n = a.size().rows();
        for (int i = 0; n > 0 && i < matrices.count(); i++) {
            var target = factors.segments().get(i);
            boolean definite = algebra.factorise(n, matrices.segments().get(i), damping, target);
            requireFinite(definite, factor.size(), target);
        }
    }

    @Override
    public void invert(MatrixBatch a, double damping, MatrixBatch work, MatrixBatch inverse) {
        MatrixChecks.inversion(a, damping, work, inverse);
        onHost(work);
        var matrices = onHost(a);
        var inverses = onHost(inverse);
        int n = a.size().rows();
        for (int i = 0; n > 0 && i < matrices.count(); i++) {
            var target = inverses.segments().get(i);
            var status = algebra.invert(n, matrices.segments().get(i), damping, false, target);
            requireFinite(status == Inverted.Status.INVERTED, inverse.size(), target);
        }
    }

    /** Makes NaN of every element of a matrix unless it is what it should be. */
    private static void requireFinite(boolean computed, MatrixSize size, MemorySegment matrix) {
        boolean finite = computed;
        for (long i = 0; finite && i < size.elements(); i++) {
            finite = Float.isFinite(Floats.get(matrix, i));
        }
        for (long i = 0; !finite && i < size.elements(); i++) {
            Floats.set(matrix, i, Float.NaN);
        }
    }

    @Override
    public void norms(MatrixBatch a, MatrixBatch norms) {
        MatrixChecks.numbers(a, norms, norms);
        var matrices = onHost(a);
        var numbers = onHost(norms);
        for (int i = 0; i < matrices.count(); i++) {
            double squares = 0;
            for (long j = 0; j < a.size().elements(); j++) {
                double element = Floats.get(matrices.segments().get(i), j);
                squares += element * element;
            }
            Floats.set(numbers.segments().get(i), 0, (float) Math.sqrt(squares));
        }
    }

    @Override
    public void divide(MatrixBatch a, MatrixBatch divisors, float epsilon) {
        MatrixChecks.numbers(a, divisors, a);
        var matrices = onHost(a);
        var numbers = onHost(divisors);
        for (int i = 0; i < matrices.count(); i++) {
            var matrix = matrices.segments().get(i);
            float divisor = Floats.get(numbers.segments().get(i), 0) + epsilon;
            for (long j = 0; j < a.size().elements(); j++) {
                Floats.set(matrix, j, Floats.get(matrix, j) / divisor);
            }
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
