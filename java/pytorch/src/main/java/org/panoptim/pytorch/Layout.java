package org.panoptim.pytorch;

import org.bytedeco.pytorch.LongArrayRef;
import org.bytedeco.pytorch.Tensor;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Where a dense tensor's elements lie, relative to its first.
 *
 * @param sizes the dimensions
 * @param strides elements between neighbours along each dimension
 */
record Layout(long[] sizes, long[] strides) {

    static Layout of(Tensor tensor) {
        return new Layout(toArray(tensor.sizes()), toArray(tensor.strides()));
    }

    /** That of a tensor whose elements lie row by row. */
    static Layout ofRows(Shape shape) {
        var sizes = shape.dimensions().stream().mapToLong(Long::longValue).toArray();
        var strides = new long[sizes.length];
        long stride = 1;
        for (int i = sizes.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= sizes[i];
        }
        return new Layout(sizes, strides);
    }

    private static long[] toArray(LongArrayRef values) {
        var array = new long[Math.toIntExact(values.size())];
        for (int i = 0; i < array.length; i++) {
            array[i] = values.get(i);
        }
        return array;
    }

    /**
     * Whether every element has the same offset in a tensor; allocates nothing.
     *
     * @param dimensions the number of the tensor's dimensions
     * @param sizesAt the address of its sizes
     * @param stridesAt the address of its strides
     */
    boolean describes(long dimensions, long sizesAt, long stridesAt) {
        if (dimensions != sizes.length) {
            return false;
        }
        boolean empty = false;
        for (int i = 0; i < sizes.length; i++) {
            if (TensorQueries.number(sizesAt, i) != sizes[i]) {
                return false;
            }
            empty |= sizes[i] == 0;
        }
        for (int i = 0; i < sizes.length && !empty; i++) {
            // The stride of a dimension with a single element says nothing.
            if (sizes[i] != 1 && TensorQueries.number(stridesAt, i) != strides[i]) {
                return false;
            }
        }
        return true;
    }

    /** Which dimensions lie further out in memory than others. */
    DimensionOrder order() {
        return DimensionOrder.of(
                Shape.of(sizes),
                IntStream.range(0, sizes.length)
                        .boxed()
                        .sorted(Comparator.comparing((Integer i) -> strides[i]).reversed())
                        .toList());
    }

    /** The shape that the memory has when it is read row by row. */
    Shape shape() {
        return order().inMemory(Shape.of(sizes));
    }

    /** Written as {@code sizes [3, 4], strides [4, 1]}. */
    @Override
    public String toString() {
        return "sizes " + Arrays.toString(sizes) + ", strides " + Arrays.toString(strides);
    }
}
