package org.panoptim.cuda.matrix;

import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixSize;

/** Matrices in device memory. */
public final class DeviceBatch implements MatrixBatch {

    private final MatrixSize size;
    private final long[] addresses;
    private final boolean writable;

    /**
     * Matrices of one size.
     *
     * @param addresses one a matrix
     */
    public DeviceBatch(MatrixSize size, long[] addresses, boolean writable) {
        this.size = size;
        this.addresses = addresses.clone();
        this.writable = writable;
    }

    @Override
    public int count() {
        return addresses.length;
    }

    @Override
    public MatrixSize size() {
        return size;
    }

    @Override
    public boolean isWritable() {
        return writable;
    }

    /**
     * Some of the matrices that follow each other at one distance.
     *
     * @param first the address of the first one
     * @param stride elements from a matrix to the next
     */
    record Span(long first, long stride, int count) {

        /** The parts of them that begin with an element. */
        Span from(long element) {
            return new Span(first + element * Float.BYTES, stride, count);
        }
    }

    /** So many from one on, all of them only where they are even. */
    Span span(int from, int count) {
        return new Span(addresses[from], count == 1 ? size.elements() : stride(), count);
    }

    long address(int matrix) {
        return addresses[matrix];
    }

    /** Whether the matrices follow each other at one distance. */
    boolean isEven() {
        for (int i = 2; i < addresses.length; i++) {
            if (addresses[i] - addresses[i - 1] != addresses[1] - addresses[0]) {
                return false;
            }
        }
        // A distance backwards is none that a library takes.
        return addresses.length < 2 || addresses[1] > addresses[0];
    }

    /** The distance from a matrix to the next in elements, where it is {@linkplain #isEven one}. */
    long stride() {
        return addresses.length < 2 ? size.elements() : (addresses[1] - addresses[0]) / Float.BYTES;
    }
}
