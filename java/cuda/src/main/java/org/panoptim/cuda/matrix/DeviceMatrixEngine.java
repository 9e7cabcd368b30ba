package org.panoptim.cuda.matrix;

import org.panoptim.cuda.device.DeviceBlas;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixChecks;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.spi.Cleanup;

import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Linear algebra over cuBLAS and kernels of our own, queued on a stream; nothing is allocated or
 * uploaded for it, so that it can be part of a graph. Matrices that follow each other at one
 * distance take one call, others one each.
 */
public final class DeviceMatrixEngine implements MatrixEngine, AutoCloseable {

    private final DeviceContext context;
    private final DeviceBlas blas;
    private final MatrixKernels kernels;
    private long stream;

    private DeviceMatrixEngine(DeviceContext context, DeviceBlas blas, MatrixKernels kernels) {
        this.context = context;
        this.blas = blas;
        this.kernels = kernels;
        stream = context.stream();
    }

    /**
     * An engine on the context's stream, with a handle of its own.
     *
     * @param most the most matrices that a batch has
     * @throws org.panoptim.spi.UnsupportedPlanException if cuBLAS cannot be loaded
     */
    public static DeviceMatrixEngine open(DeviceContext context, int most) {
        var blas = context.newBlas();
        try {
            return new DeviceMatrixEngine(context, blas, new MatrixKernels(context, most));
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, blas::close);
            throw e;
        }
    }

    /** Says on which stream the work from now on is queued. */
    public void on(long newStream) {
        if (newStream != stream) {
            blas.on(newStream);
            kernels.on(newStream);
            stream = newStream;
        }
    }

    /** Does the same to all matrices of batches, at once where they lie so. */
    private static void each(Consumer<DeviceBatch.Span[]> work, DeviceBatch... batches) {
        int count = batches[0].count();
        if (count > 0 && Stream.of(batches).allMatch(DeviceBatch::isEven)) {
            work.accept(spans(batches, 0, count));
            return;
        }
        for (int i = 0; i < count; i++) {
            work.accept(spans(batches, i, 1));
        }
    }

    private static DeviceBatch.Span[] spans(DeviceBatch[] batches, int first, int count) {
        return Stream.of(batches)
                .map(batch -> batch.span(first, count))
                .toArray(DeviceBatch.Span[]::new);
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
        product(alpha, onDevice(a), transposeA, onDevice(b), transposeB, beta, onDevice(c));
    }

    private void product(
            float alpha,
            DeviceBatch a,
            boolean transposeA,
            DeviceBatch b,
            boolean transposeB,
            float beta,
            DeviceBatch c) {
        int inner = transposeA ? a.size().rows() : a.size().columns();
        int rows = c.size().rows();
        int columns = c.size().columns();
        var product =
                new DeviceBlas.Product(rows, columns, inner, alpha, transposeA, transposeB, beta);
        each(spans -> multiply(product, spans[0], spans[1], spans[2]), a, b, c);
    }

    private void multiply(
            DeviceBlas.Product product,
            DeviceBatch.Span a,
            DeviceBatch.Span b,
            DeviceBatch.Span c) {
        if (c.count() == 1) {
            blas.multiply(product, a.first(), b.first(), c.first());
            return;
        }
        blas.multiply(
                product,
                a.first(),
                a.stride(),
                b.first(),
                b.stride(),
                c.first(),
                c.stride(),
                c.count());
    }

    /** The same of parts of square matrices. */
    private void multiply(
            int size,
            DeviceBlas.Product product,
            DeviceBatch.Span a,
            DeviceBatch.Span b,
            DeviceBatch.Span c) {
        blas.multiply(
                product,
                new DeviceBlas.Widths(size, size, size),
                a.first(),
                a.stride(),
                b.first(),
                b.stride(),
                c.first(),
                c.stride(),
                c.count());
    }

    @Override
    public void rankUpdate(
            float alpha, MatrixBatch a, boolean transpose, float beta, MatrixBatch c) {
        MatrixChecks.rankUpdate(a, transpose, c);
        var factor = onDevice(a);
        var square = onDevice(c);
        product(alpha, factor, transpose, factor, !transpose, beta, square);
        each(spans -> kernels.mirror(square.size().rows(), spans[0]), square);
    }

    @Override
    public void factorise(MatrixBatch a, double damping, MatrixBatch factor) {
        MatrixChecks.factorisation(a, damping, factor);
        int size = a.size().rows();
        each(spans -> factorise(size, spans[0], damping, spans[1]), onDevice(a), onDevice(factor));
    }

    private void factorise(int size, DeviceBatch.Span a, double damping, DeviceBatch.Span factor) {
        kernels.begin(size, a, damping, factor);
        for (int block = 0; block < size; block += MatrixKernels.BLOCK) {
            kernels.factorise(size, block, factor);
            int next = block + MatrixKernels.BLOCK;
            if (next < size) {
                kernels.solve(size, block, factor);
                int left = size - next;
                var panel = factor.from((long) next * size + block);
                multiply(
                        size,
                        new DeviceBlas.Product(left, left, MatrixKernels.BLOCK, -1, false, true, 1),
                        panel,
                        panel,
                        factor.from((long) next * size + next));
            }
        }
        kernels.end(size, factor);
    }

    @Override
    public void invert(MatrixBatch a, double damping, MatrixBatch work, MatrixBatch inverse) {
        MatrixChecks.inversion(a, damping, work, inverse);
        int size = a.size().rows();
        if (size == 0) {
            return;
        }
        each(
                spans -> invert(size, spans[0], damping, spans[1], spans[2]),
                onDevice(a),
                onDevice(work),
                onDevice(inverse));
        copy(work, inverse);
    }

    /** Leaves the inverse in {@code work}: X = WᵀW with W = 1 / L, block row by block row. */
    private void invert(
            int size,
            DeviceBatch.Span a,
            double damping,
            DeviceBatch.Span work,
            DeviceBatch.Span triangle) {
        factorise(size, a, damping, work);
        kernels.invert(size, work, triangle);
        for (int row = MatrixKernels.BLOCK; row < size; row += MatrixKernels.BLOCK) {
            int rows = Math.min(MatrixKernels.BLOCK, size - row);
            // The sum of L_ik W_kj, transposed, above the diagonal of L, where nothing is.
            var sum = work.from(row);
            multiply(
                    size,
                    new DeviceBlas.Product(row, rows, row, 1, true, true, 0),
                    triangle,
                    work.from((long) row * size),
                    sum);
            multiply(
                    size,
                    new DeviceBlas.Product(rows, row, rows, -1, false, true, 0),
                    triangle.from((long) row * size + row),
                    sum,
                    triangle.from((long) row * size));
        }
        multiply(
                size,
                new DeviceBlas.Product(size, size, size, 1, true, false, 0),
                triangle,
                triangle,
                work);
        kernels.mirror(size, work);
    }

    @Override
    public void norms(MatrixBatch a, MatrixBatch norms) {
        MatrixChecks.numbers(a, norms, norms);
        long elements = a.size().elements();
        each(spans -> kernels.norms(elements, spans[0], spans[1]), onDevice(a), onDevice(norms));
    }

    @Override
    public void divide(MatrixBatch a, MatrixBatch divisors, float epsilon) {
        MatrixChecks.numbers(a, divisors, a);
        long elements = a.size().elements();
        each(
                spans -> kernels.divide(elements, spans[0], spans[1], epsilon),
                onDevice(a),
                onDevice(divisors));
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
        Cleanup.all(kernels::close, blas::close);
    }
}
