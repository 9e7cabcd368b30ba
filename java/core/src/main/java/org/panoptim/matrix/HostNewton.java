package org.panoptim.matrix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Newton's iteration for an inverse, from the inverse of an earlier average, in host memory.
 *
 * <p>It works on the damped factor scaled to a diagonal of ones, and keeps the iterate symmetric.
 * One iteration costs 4n³ operations, the start and each certificate some n².
 */
final class HostNewton {

    /** Steps of the power method for the largest eigenvalue. */
    private static final int POWER_STEPS = 6;

    /** The power method's estimate comes from below; more than twice it would diverge. */
    private static final double MARGIN = 1.2;

    private final HostAlgebra algebra;
    private final int n;
    private final MemorySegment factor;
    private final double damping;
    private final HostCheck check;

    HostNewton(HostAlgebra algebra, int n, MemorySegment factor, double damping, HostCheck check) {
        this.algebra = algebra;
        this.n = n;
        this.factor = factor;
        this.damping = damping;
        this.check = check;
    }

    Inverted run(InversionMethod.Newton newton, MemorySegment old, MemorySegment candidate) {
        double lowest = newton.lowestEigenvalue();
        double highest = MARGIN * check.largestEigenvalue(old, POWER_STEPS);
        if (!(lowest > 0 && highest < Double.POSITIVE_INFINITY)) {
            return Inverted.failed(Inverted.Status.NOT_CONVERGED);
        }
        highest = Math.max(highest, lowest);
        double start = 2 / (lowest + highest);
        double error = (highest - lowest) / (highest + lowest);
        try (var arena = Arena.ofConfined()) {
            long bytes = (long) n * n * Float.BYTES;
            var damped = arena.allocate(bytes, 64);
            var iterate = arena.allocate(bytes, 64);
            var product = arena.allocate(bytes, 64);
            var change = arena.allocate(bytes, 64);
            scale(damped, iterate, old, start);
            for (int iteration = 1; iteration <= newton.iterations(); iteration++) {
                algebra.multiply(n, n, n, damped, iterate, product);
                algebra.multiply(n, n, n, iterate, product, change);
                advance(iterate, change);
                error *= error;
                if (error <= newton.target() || iteration == newton.iterations()) {
                    scaleBack(iterate, candidate);
                    var found = check.certify(candidate, iteration);
                    if (found.certifiedError() <= newton.target()) {
                        return found;
                    }
                }
            }
        }
        return Inverted.failed(Inverted.Status.NOT_CONVERGED);
    }

    /** The damped factor as D B D, and the start as D⁻¹ X D⁻¹ times a number. */
    private void scale(
            MemorySegment damped, MemorySegment iterate, MemorySegment old, double start) {
        for (int i = 0; i < n; i++) {
            double row = check.scale(i);
            for (int j = 0; j < n; j++) {
                long at = (long) i * n + j;
                double both = row * check.scale(j);
                double element = Floats.get(factor, at) + (i == j ? damping : 0);
                Floats.set(damped, at, (float) (element * both));
                Floats.set(iterate, at, (float) (start * Floats.get(old, at) / both));
            }
        }
    }

    /** {@code X ← 2X − (C + Cᵀ) / 2}. */
    private void advance(MemorySegment iterate, MemorySegment change) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                long at = (long) i * n + j;
                long mirrored = (long) j * n + i;
                float mean = (Floats.get(change, at) + Floats.get(change, mirrored)) / 2;
                float next = 2 * Floats.get(iterate, at) - mean;
                Floats.set(iterate, at, next);
                Floats.set(iterate, mirrored, next);
            }
        }
    }

    private void scaleBack(MemorySegment iterate, MemorySegment inverse) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                long at = (long) i * n + j;
                double both = check.scale(i) * check.scale(j);
                Floats.set(inverse, at, (float) (Floats.get(iterate, at) * both));
            }
        }
    }
}
