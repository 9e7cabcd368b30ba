package org.panoptim.kfac.engine;

import org.panoptim.matrix.HostAlgebra;
import org.panoptim.matrix.Inverted;
import org.panoptim.matrix.PlainHostAlgebra;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Plain linear algebra that notes how it is used. */
final class RecordingAlgebra implements HostAlgebra {

    /** The sizes of the factors that were inverted, in the order of the calls. */
    final List<Integer> inverted = new ArrayList<>();

    /** All memory of {@link #combine} and {@link #probe}. */
    final List<MemorySegment> memory = new ArrayList<>();

    int multipliedInDouble;

    /** Called before each {@link #multiply}. */
    Runnable beforeMultiply = () -> {};

    private final HostAlgebra plain = new PlainHostAlgebra();

    @Override
    public String name() {
        return plain.name();
    }

    @Override
    public void combine(
            double a, MemorySegment source, double b, MemorySegment target, long count) {
        memory.addAll(List.of(source, target));
        plain.combine(a, source, b, target, count);
    }

    @Override
    public void addRows(
            double weight,
            MemorySegment rows,
            long count,
            int columns,
            boolean ones,
            MemorySegment factor) {
        plain.addRows(weight, rows, count, columns, ones, factor);
    }

    @Override
    public boolean factorise(int n, MemorySegment matrix, double damping, MemorySegment factor) {
        return plain.factorise(n, matrix, damping, factor);
    }

    @Override
    public Inverted.Status invert(
            int n,
            MemorySegment factor,
            double damping,
            boolean doublePrecision,
            MemorySegment inverse) {
        inverted.add(n);
        return plain.invert(n, factor, damping, doublePrecision, inverse);
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
        beforeMultiply.run();
        plain.multiply(rows, columns, inner, alpha, a, transposeA, b, transposeB, beta, c);
    }

    @Override
    public void multiplyInDouble(
            int rows,
            int columns,
            MemorySegment left,
            MemorySegment middle,
            MemorySegment right,
            MemorySegment product) {
        multipliedInDouble++;
        plain.multiplyInDouble(rows, columns, left, middle, right, product);
    }

    @Override
    public void probe(
            int n,
            MemorySegment matrix,
            MemorySegment vectors,
            MemorySegment scale,
            MemorySegment products,
            MemorySegment sums) {
        memory.addAll(List.of(vectors, scale, products, sums));
        plain.probe(n, matrix, vectors, scale, products, sums);
    }
}
