package org.panoptim.internal.checkpoint;

import org.panoptim.tensor.DType;

import java.util.List;

/** The type and the dimensions of a whole state in a checkpoint. */
record SavedTensor(DType dtype, List<Long> shape) {

    SavedTensor {
        shape = List.copyOf(shape);
    }

    @Override
    public String toString() {
        return "" + dtype + shape;
    }
}
