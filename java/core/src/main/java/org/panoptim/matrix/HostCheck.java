package org.panoptim.matrix;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Certifies inverses of one damped factor in host memory; see {@link Certificate}. */
final class HostCheck implements AutoCloseable {

    private static final int PROBES = Certificate.PROBES;

    private final Arena arena = Arena.ofConfined();
    private final HostAlgebra algebra;
    private final int n;
    private final MemorySegment factor;
    private final double damping;

    /** D, and its inverse. */
    private final MemorySegment scale;

    private final MemorySegment inverseScale;
    private final MemorySegment probes;
    private final MemorySegment first;
    private final MemorySegment vectors;
    private final MemorySegment products;
    private final MemorySegment sums;
    private final double longestProbe;
    private final boolean usable;

    // Of the damped factor, once it was needed.
    private double factorNorm = -1;
    private double factorRowSum;

    HostCheck(HostAlgebra algebra, int n, MemorySegment factor, double damping) {
        this.algebra = algebra;
        this.n = n;
        this.factor = factor;
        this.damping = damping;
        scale = doubles(n);
        inverseScale = doubles(n);
        probes = doubles((long) n * PROBES);
        first = doubles((long) n * PROBES);
        vectors = doubles((long) n * PROBES);
        products = doubles((long) n * PROBES);
        sums = doubles(2L * n);
        probes.copyFrom(MemorySegment.ofArray(Certificate.probes(n)));
        longestProbe = longest(probes);
        boolean positive = true;
        for (int i = 0; i < n; i++) {
            double diagonal = Floats.get(factor, (long) i * n + i) + damping;
            positive &= diagonal > 0 && diagonal < Double.POSITIVE_INFINITY;
            set(scale, i, 1 / Math.sqrt(diagonal));
            set(inverseScale, i, Math.sqrt(diagonal));
        }
        usable = positive;
    }

    private MemorySegment doubles(long count) {
        return arena.allocate(JAVA_DOUBLE, count);
    }

    /** Whether the damped diagonal is finite and above 0. */
    boolean usable() {
        return usable;
    }

    /** 1/√(F_ii + δ). */
    double scale(int i) {
        return get(scale, i);
    }

    /** Certifies a candidate. */
    Inverted certify(MemorySegment inverse, int iterations) {
        residuals(inverse, probes);
        double once = longest(products);
        double inverseNorm = Math.sqrt(sum(1));
        double inverseRowSum = largestRowSum();
        first.copyFrom(products);
        residuals(inverse, first);
        var bounds =
                Certificate.bounds(
                        n, longestProbe, once, longest(products), factorNorm, inverseNorm);
        if (bounds.ownNorm() == Double.POSITIVE_INFINITY) {
            return Inverted.failed(Inverted.Status.NOT_FINITE);
        }
        return new Inverted(
                Inverted.Status.INVERTED,
                bounds.ownNorm(),
                bounds.relative(),
                factorRowSum * inverseRowSum,
                iterations);
    }

    /** Leaves {@code E · from} in the products. */
    private void residuals(MemorySegment inverse, MemorySegment from) {
        for (int i = 0; i < n; i++) {
            for (int probe = 0; probe < PROBES; probe++) {
                long at = (long) i * PROBES + probe;
                set(vectors, at, get(scale, i) * get(from, at));
            }
        }
        damped(vectors, products);
        if (factorNorm < 0) {
            // Damping adds less than 1 to the square of each of the n diagonal elements.
            factorNorm = Math.sqrt(sum(1) + n);
            factorRowSum = largestRowSum() + damping;
        }
        vectors.copyFrom(products);
        algebra.probe(n, inverse, vectors, inverseScale, products, sums);
        for (int i = 0; i < n; i++) {
            for (int probe = 0; probe < PROBES; probe++) {
                long at = (long) i * PROBES + probe;
                set(products, at, get(from, at) - get(inverseScale, i) * get(products, at));
            }
        }
    }

    /** {@code to ← (F + δI) from}. */
    private void damped(MemorySegment from, MemorySegment to) {
        algebra.probe(n, factor, from, scale, to, sums);
        for (long i = 0; i < (long) n * PROBES; i++) {
            set(to, i, get(to, i) + damping * get(from, i));
        }
    }

    /**
     * An estimate from below of the largest eigenvalue of {@code X B}, by some steps of the power
     * method with several vectors.
     */
    double largestEigenvalue(MemorySegment inverse, int steps) {
        vectors.copyFrom(probes);
        double growth = 0;
        for (int step = 0; step < steps; step++) {
            damped(vectors, products);
            vectors.copyFrom(products);
            algebra.probe(n, inverse, vectors, inverseScale, products, sums);
            growth = 0;
            for (int probe = 0; probe < PROBES; probe++) {
                double length = length(products, probe);
                growth = Math.max(growth, length);
                for (int i = 0; i < n; i++) {
                    long at = (long) i * PROBES + probe;
                    set(vectors, at, get(products, at) / length);
                }
            }
        }
        return growth;
    }

    private double sum(int column) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += get(sums, 2L * i + column);
        }
        return sum;
    }

    private double largestRowSum() {
        double largest = 0;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, get(sums, 2L * i));
        }
        return largest;
    }

    private double longest(MemorySegment columns) {
        double longest = 0;
        for (int probe = 0; probe < PROBES; probe++) {
            longest = Math.max(longest, length(columns, probe));
        }
        return longest;
    }

    private double length(MemorySegment columns, int probe) {
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double value = get(columns, (long) i * PROBES + probe);
            squares += value * value;
        }
        return Math.sqrt(squares);
    }

    private static double get(MemorySegment values, long index) {
        return values.getAtIndex(JAVA_DOUBLE, index);
    }

    private static void set(MemorySegment values, long index, double value) {
        values.setAtIndex(JAVA_DOUBLE, index, value);
    }

    @Override
    public void close() {
        arena.close();
    }
}
