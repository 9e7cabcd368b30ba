package org.panoptim.tensor;

import org.panoptim.internal.Arguments;

import java.util.Iterator;
import java.util.List;
import java.util.Objects;

/**
 * The order in which the dimensions of a dense tensor lie in memory, as PyTorch's {@code
 * dim_order()}: for a {@code channels_last} tensor of N × C × H × W, {@code [0, 2, 3, 1]}.
 *
 * <p>Two tensors of one shape whose orders differ have their elements at different places. A
 * dimension of size 1 lies nowhere in particular; {@link #of(Shape, List)} puts it at its own
 * index, so that orders are equal exactly when the elements lie alike.
 *
 * @param dimensions the tensor's dimensions, each once, from the one whose neighbours lie furthest
 *     apart to the one whose neighbours are adjacent
 */
public record DimensionOrder(List<Integer> dimensions) {

    // Loops, not streams: a fresh process would load those for its first parameter alone.

    /** Checks that each dimension is there once. */
    public DimensionOrder {
        dimensions = Arguments.copyOf(dimensions, "dimensions");
        var seen = new boolean[dimensions.size()];
        for (int dimension : dimensions) {
            if (dimension < 0 || dimension >= seen.length || seen[dimension]) {
                throw new IllegalArgumentException(
                        "an order of %d dimensions has each number below that once, but is %s"
                                .formatted(seen.length, dimensions));
            }
            seen[dimension] = true;
        }
    }

    /** The order of a contiguous tensor, whose elements lie row by row. */
    public static DimensionOrder contiguous(int dimensions) {
        var order = new Integer[dimensions];
        for (int index = 0; index < dimensions; index++) {
            order[index] = index;
        }
        return new DimensionOrder(List.of(order));
    }

    /**
     * The order of a tensor's dimensions, those of size 1 at their own index.
     *
     * @param shape the tensor's shape
     * @param dimensions its dimensions from the outermost in memory to the innermost; where those
     *     of size 1 are says nothing, nor does any order of a tensor without elements
     */
    public static DimensionOrder of(Shape shape, List<Integer> dimensions) {
        Objects.requireNonNull(shape, "shape");
        var given = new DimensionOrder(dimensions);
        var sizes = shape.dimensions();
        given.requireRank(shape);
        if (shape.elements() == 0) {
            return contiguous(sizes.size());
        }
        var others = given.dimensions.iterator();
        var order = new Integer[sizes.size()];
        for (int index = 0; index < order.length; index++) {
            order[index] = sizes.get(index) == 1 ? index : nextLong(others, sizes);
        }
        return new DimensionOrder(List.of(order));
    }

    /** The next dimension that has more than one element. */
    private static int nextLong(Iterator<Integer> dimensions, List<Long> sizes) {
        int next = dimensions.next();
        while (sizes.get(next) == 1) {
            next = dimensions.next();
        }
        return next;
    }

    /** Whether the elements lie row by row. */
    public boolean isContiguous() {
        for (int index = 0; index < dimensions.size(); index++) {
            if (dimensions.get(index) != index) {
                return false;
            }
        }
        return true;
    }

    /** The shape of a tensor's memory when it is read row by row. */
    public Shape inMemory(Shape tensor) {
        requireRank(Objects.requireNonNull(tensor, "tensor"));
        var sizes = new Long[dimensions.size()];
        for (int index = 0; index < sizes.length; index++) {
            sizes[index] = tensor.dimensions().get(dimensions.get(index));
        }
        return new Shape(List.of(sizes));
    }

    /** The shape of the tensor whose memory has that shape when it is read row by row. */
    public Shape ofTensor(Shape memory) {
        requireRank(Objects.requireNonNull(memory, "memory"));
        var sizes = new Long[dimensions.size()];
        for (int index = 0; index < sizes.length; index++) {
            sizes[dimensions.get(index)] = memory.dimensions().get(index);
        }
        return new Shape(List.of(sizes));
    }

    private void requireRank(Shape shape) {
        int rank = shape.dimensions().size();
        if (rank != dimensions.size()) {
            throw new IllegalArgumentException(
                    "the shape %s has %d dimensions, but the order %s has %d"
                            .formatted(shape, rank, this, dimensions.size()));
        }
    }

    /** Written as {@code [0, 2, 3, 1]}. */
    @Override
    public String toString() {
        return dimensions.toString();
    }
}
