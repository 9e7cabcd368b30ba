package org.panoptim.tensor;

import org.panoptim.internal.Arguments;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * The dimensions of a dense tensor.
 *
 * @param dimensions each at least 0; none for a scalar
 */
public record Shape(List<Long> dimensions) {

    /** Sizes in bytes fit a {@code long} too, up to complex doubles. */
    private static final long LARGEST_ELEMENT = 16;

    /**
     * Checks the dimensions, and that the product of those that are not 0 fits a {@code long}, so
     * that strides can be computed for every shape, and every shape can be stored.
     */
    public Shape {
        dimensions = Arguments.copyOf(dimensions, "dimensions");
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw new IllegalArgumentException(
                        "a dimension must be at least 0, but the shape is " + dimensions);
            }
        }
        checkProduct(dimensions);
    }

    /** A shape of these dimensions. */
    public static Shape of(long... dimensions) {
        Objects.requireNonNull(dimensions, "dimensions");
        return new Shape(Arrays.stream(dimensions).boxed().toList());
    }

    /** The number of dimensions: 0 of a scalar, 1 of a vector, 2 of a matrix. */
    public int rank() {
        return dimensions.size();
    }

    /** The number of elements: the product of the dimensions, 1 for a scalar. */
    public long elements() {
        long product = 1;
        for (long dimension : dimensions) {
            product *= dimension;
        }
        return product;
    }

    /** Written as {@code [2, 3]}. */
    @Override
    public String toString() {
        return dimensions.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    }

    private static void checkProduct(List<Long> dimensions) {
        try {
            dimensions.stream()
                    .mapToLong(dimension -> Math.max(dimension, 1))
                    .reduce(LARGEST_ELEMENT, Math::multiplyExact);
        } catch (ArithmeticException _) {
            throw new IllegalArgumentException(
                    "the shape " + dimensions + " has too many elements");
        }
    }
}
