package org.panoptim.cuda.kfac;

import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_NEWTON_BEGIN;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_NEWTON_END;
import static org.panoptim.abi.bindings.PanoptimKfac.PANOPTIM_KFAC_NEWTON_ITERATE;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.abi.bindings.panoptim_kfac_newton;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Newton's iteration for the inverse of one factor, from the inverse in use: two products of
 * matrices an iteration, in coordinates in which the factor has a diagonal of ones. It waits after
 * each iteration for its certificate.
 */
final class NewtonInverter implements AutoCloseable {

    private static final int THREADS = 256;

    /** Steps of the power iteration for the largest eigenvalue. */
    private static final int POWER_STEPS = 12;

    /** What the estimate of the largest eigenvalue, which comes from below, is multiplied by. */
    private static final double MARGIN = 1.1;

    private final DeviceContext context;
    private final InversionTables tables;
    private final int size;
    private final double largestProbe;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment argument = panoptim_kfac_newton.allocate(arena);
    private final long workspace;
    private final long factor;
    private final long iterate;
    private final long product;
    private final long image;
    private final long vectors;

    /** For the first matrix of the tables. */
    NewtonInverter(DeviceContext context, InversionTables tables, int size, double largestProbe) {
        this.context = context;
        this.tables = tables;
        this.size = size;
        this.largestProbe = largestProbe;
        long bytes = DeviceSlab.aligned(FactorBuffers.bytes(size));
        long vectorBytes = DeviceSlab.aligned((long) Float.BYTES * size);
        try {
            workspace = context.driver().allocate(4 * bytes + 2 * vectorBytes, context.stream());
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
        factor = workspace;
        iterate = factor + bytes;
        product = iterate + bytes;
        image = product + bytes;
        vectors = image + bytes;
        panoptim_kfac_newton.matrix(argument, MemorySegment.ofAddress(tables.address(0)));
        panoptim_kfac_newton.factor(argument, MemorySegment.ofAddress(factor));
        panoptim_kfac_newton.iterate(argument, MemorySegment.ofAddress(iterate));
        panoptim_kfac_newton.product(argument, MemorySegment.ofAddress(product));
    }

    /** Iterates until the certificate is good enough, it gets worse, or the iterations are out. */
    Inverted run(InversionMethod.Newton method) {
        step(PANOPTIM_KFAC_NEWTON_BEGIN(), 0, 0);
        var last = certify(0);
        if (last.status() == Inverted.Status.NOT_FINITE) {
            return last;
        }
        multiplyImage();
        double highest = MARGIN * largestEigenvalue();
        if (!(highest > 0 && Double.isFinite(highest))) {
            return Inverted.failed(Inverted.Status.NOT_CONVERGED);
        }
        double lowest = Math.min(method.lowestEigenvalue(), highest);
        step(PANOPTIM_KFAC_NEWTON_ITERATE(), 2 / (lowest + highest), 0);
        last = certify(0);
        for (int done = 0; last.status() == Inverted.Status.INVERTED; ) {
            if (last.certifiedError() <= method.target()) {
                return last;
            }
            if (done == method.iterations()) {
                break;
            }
            multiplyImage();
            context.blas().multiply(size, size, size, iterate, image, product);
            step(PANOPTIM_KFAC_NEWTON_ITERATE(), 2, 1);
            last = certify(++done);
        }
        return Inverted.failed(Inverted.Status.NOT_CONVERGED);
    }

    /** B X. */
    private void multiplyImage() {
        context.blas().multiply(size, size, size, factor, iterate, image);
    }

    private void step(int stage, double keep, double subtract) {
        panoptim_kfac_newton.stage(argument, stage);
        panoptim_kfac_newton.keep(argument, keep);
        panoptim_kfac_newton.subtract(argument, subtract);
        var kernel = context.kernels().kronecker("newton_step", THREADS);
        KroneckerLaunch.run(context, kernel, kernel.blocksFor(size), argument);
    }

    private Inverted certify(int iterations) {
        step(PANOPTIM_KFAC_NEWTON_END(), 0, 0);
        tables.certify();
        return tables.result(0, largestProbe, iterations);
    }

    /** An estimate of the largest eigenvalue of B X, by the power method. */
    private double largestEigenvalue() {
        var vector = arena.allocate(JAVA_FLOAT, size);
        for (int i = 0; i < size; i++) {
            // Anything that no eigenvector is likely to be orthogonal to.
            vector.setAtIndex(JAVA_FLOAT, i, 1 + (i * 7919 % 1000) / 1000f);
        }
        normalise(vector);
        long from = vectors;
        long to = vectors + DeviceSlab.aligned((long) Float.BYTES * size);
        double norm = 0;
        for (int i = 0; i < POWER_STEPS; i++) {
            DeviceState.write(context, from, vector);
            context.blas().multiply(size, size, 1, image, from, to);
            DeviceState.read(context, to, vector);
            norm = normalise(vector);
        }
        return norm;
    }

    private double normalise(MemorySegment vector) {
        double square = 0;
        for (int i = 0; i < size; i++) {
            double value = vector.getAtIndex(JAVA_FLOAT, i);
            square += value * value;
        }
        double norm = Math.sqrt(square);
        for (int i = 0; i < size; i++) {
            vector.setAtIndex(JAVA_FLOAT, i, (float) (vector.getAtIndex(JAVA_FLOAT, i) / norm));
        }
        return norm;
    }

    @Override
    public void close() {
        Cleanup.all(arena::close, () -> context.driver().free(workspace, context.stream()));
    }
}
