package org.panoptim.simd;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.Inverted;
import org.panoptim.simd.bindings.LibPanoptim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Kronecker factors over OpenBLAS, with libpanoptim for the passes around it. */
final class OpenBlasAlgebra implements HostAlgebra {

    /** Rows that one call takes: their number must be an int. */
    private static final long ROWS = 1 << 20;

    private final OpenBlas blas;
    private final int tier;

    OpenBlasAlgebra(OpenBlas blas, Tier tier) {
        this.blas = blas;
        this.tier = tier.code();
    }

    @Override
    public String name() {
        return blas.config();
    }

    @Override
    public void combine(
            double a, MemorySegment source, double b, MemorySegment target, long count) {
        blas.combine(Math.toIntExact(count), (float) a, source, (float) b, target);
    }

    @Override
    public void addRows(
            double weight,
            MemorySegment rows,
            long count,
            int columns,
            boolean ones,
            MemorySegment factor) {
        int n = columns + (ones ? 1 : 0);
        try (var arena = Arena.ofConfined()) {
            long width = (long) columns * Float.BYTES;
            for (long first = 0; first < count; first += ROWS) {
                int part = (int) Math.min(ROWS, count - first);
                var slice = onNative(rows.asSlice(first * width, part * width), arena);
                blas.addSquares((float) weight, slice, part, columns, factor, n);
                if (ones) {
                    addOnes((float) weight, slice, part, columns, factor, arena);
                }
            }
        }
        mirror(n, factor, MemorySegment.NULL);
    }

    /** The last row of the factor: the sums of the columns, and the number of rows. */
    private void addOnes(
            float weight,
            MemorySegment rows,
            int count,
            int columns,
            MemorySegment factor,
            Arena arena) {
        var ones = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            ones.setAtIndex(JAVA_FLOAT, i, 1);
        }
        long last = (long) columns * (columns + 1);
        blas.addProduct(weight, rows, count, columns, ones, factor.asSlice(last * Float.BYTES));
        float before = factor.getAtIndex(JAVA_FLOAT, last + columns);
        factor.setAtIndex(JAVA_FLOAT, last + columns, (float) (before + (double) weight * count));
    }

    private static MemorySegment onNative(MemorySegment segment, Arena arena) {
        return segment.isNative()
                ? segment
                : arena.allocate(segment.byteSize(), 64).copyFrom(segment);
    }

    @Override
    public Inverted.Status invert(
            int n,
            MemorySegment factor,
            double damping,
            boolean doublePrecision,
            MemorySegment inverse) {
        try (var arena = Arena.ofConfined()) {
            var scale = arena.allocate(JAVA_DOUBLE, n);
            for (int i = 0; i < n; i++) {
                double diagonal = factor.getAtIndex(JAVA_FLOAT, (long) i * n + i) + damping;
                scale.setAtIndex(JAVA_DOUBLE, i, 1 / Math.sqrt(diagonal));
            }
            boolean available =
                    doublePrecision
                            ? invertInDouble(n, factor, damping, scale, inverse, arena)
                            : invertInFloat(n, factor, damping, scale, inverse);
            if (!available) {
                return Inverted.Status.NOT_POSITIVE_DEFINITE;
            }
            return Inverted.Status.INVERTED;
        }
    }

    private boolean invertInFloat(
            int n,
            MemorySegment factor,
            double damping,
            MemorySegment scale,
            MemorySegment inverse) {
        NativeStatus.check(
                LibPanoptim.panoptim_scale_matrix(tier, n, factor, damping, scale, inverse),
                "panoptim_scale_matrix");
        if (!blas.invert(n, inverse)) {
            return false;
        }
        mirror(n, inverse, scale);
        return true;
    }

    private boolean invertInDouble(
            int n,
            MemorySegment factor,
            double damping,
            MemorySegment scale,
            MemorySegment inverse,
            Arena arena) {
        var doubles = arena.allocate(JAVA_DOUBLE, (long) n * n);
        for (int i = 0; i < n; i++) {
            double row = scale.getAtIndex(JAVA_DOUBLE, i);
            for (int j = 0; j <= i; j++) {
                long at = (long) i * n + j;
                double element = factor.getAtIndex(JAVA_FLOAT, at) + (i == j ? damping : 0);
                doubles.setAtIndex(
                        JAVA_DOUBLE, at, element * row * scale.getAtIndex(JAVA_DOUBLE, j));
            }
        }
        if (!blas.invertDoubles(n, doubles)) {
            return false;
        }
        for (int i = 0; i < n; i++) {
            double row = scale.getAtIndex(JAVA_DOUBLE, i);
            for (int j = 0; j <= i; j++) {
                long at = (long) i * n + j;
                double element =
                        doubles.getAtIndex(JAVA_DOUBLE, at)
                                * row
                                * scale.getAtIndex(JAVA_DOUBLE, j);
                inverse.setAtIndex(JAVA_FLOAT, at, (float) element);
            }
        }
        mirror(n, inverse, MemorySegment.NULL);
        return true;
    }

    @Override
    public boolean factorise(int n, MemorySegment matrix, double damping, MemorySegment factor) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                long at = (long) i * n + j;
                double lower = j <= i ? matrix.getAtIndex(JAVA_FLOAT, at) : 0;
                factor.setAtIndex(JAVA_FLOAT, at, (float) (i == j ? lower + damping : lower));
            }
        }
        return blas.factorise(n, factor);
    }

    private void mirror(int n, MemorySegment matrix, MemorySegment scale) {
        NativeStatus.check(
                LibPanoptim.panoptim_mirror_matrix(tier, n, matrix, scale),
                "panoptim_mirror_matrix");
    }

    @Override
    public void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            MemorySegment a,
            boolean transposeA,
            MemorySegment b,
            boolean transposeB,
            float beta,
            MemorySegment c) {
        blas.multiply(rows, columns, inner, alpha, a, transposeA, b, transposeB, beta, c);
    }

    @Override
    public void multiplyInDouble(
            int rows,
            int columns,
            MemorySegment left,
            MemorySegment middle,
            MemorySegment right,
            MemorySegment product) {
        try (var arena = Arena.ofConfined()) {
            long elements = (long) rows * columns;
            var half = arena.allocate(JAVA_DOUBLE, elements);
            var whole = arena.allocate(JAVA_DOUBLE, elements);
            blas.multiplyDoubles(
                    rows,
                    columns,
                    columns,
                    doubles(middle, elements, arena),
                    doubles(right, (long) columns * columns, arena),
                    half);
            blas.multiplyDoubles(
                    rows, columns, rows, doubles(left, (long) rows * rows, arena), half, whole);
            for (long i = 0; i < elements; i++) {
                product.setAtIndex(JAVA_FLOAT, i, (float) whole.getAtIndex(JAVA_DOUBLE, i));
            }
        }
    }

    private static MemorySegment doubles(MemorySegment floats, long count, Arena arena) {
        var doubles = arena.allocate(JAVA_DOUBLE, count);
        for (long i = 0; i < count; i++) {
            doubles.setAtIndex(JAVA_DOUBLE, i, floats.getAtIndex(JAVA_FLOAT, i));
        }
        return doubles;
    }

    @Override
    public void probe(
            int n,
            MemorySegment matrix,
            MemorySegment vectors,
            MemorySegment scale,
            MemorySegment products,
            MemorySegment sums) {
        NativeStatus.check(
                LibPanoptim.panoptim_probe_matrix(tier, n, matrix, vectors, scale, products, sums),
                "panoptim_probe_matrix");
    }
}
