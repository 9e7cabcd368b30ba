package org.panoptim.internal.checkpoint;

import org.panoptim.safetensors.TensorInfo;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;

/**
 * What there is of a state here: all of it, or the elements that a member of a team has.
 *
 * @param name of the state in a checkpoint
 * @param whole the shape of all of it
 * @param firstElement the first of those that are here
 * @param isCommon whether every member of a team has all of it, with the same bits
 * @param tensor those that are here
 */
record StatePart(
        String name, Shape whole, long firstElement, boolean isCommon, StateTensor tensor) {

    /** A state that is here as a whole. */
    static StatePart whole(String name, StateTensor tensor) {
        return new StatePart(name, tensor.shape(), 0, true, tensor);
    }

    SavedTensor saved() {
        return new SavedTensor(tensor.dtype(), whole.dimensions());
    }

    boolean isEmpty() {
        return tensor.shape().elements() == 0;
    }

    /** Where those that are here begin in the whole, in bytes. */
    long firstByte() {
        return firstElement * tensor.dtype().byteSize();
    }

    /** The size of the whole in bytes. */
    long wholeSize() {
        return TensorInfo.byteSize(tensor.dtype(), whole.dimensions());
    }

    void write(MemorySegment values) {
        tensor.write(0, values);
    }
}
