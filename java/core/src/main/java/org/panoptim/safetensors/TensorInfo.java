package org.panoptim.safetensors;

import org.panoptim.internal.Arguments;
import org.panoptim.tensor.DType;

import java.util.List;
import java.util.Objects;

/**
 * Describes one tensor of a file.
 *
 * @param name its name; may be empty
 * @param dtype the type of its elements
 * @param shape its dimensions, outermost first; empty for a single element, and with a dimension of
 *     0 the tensor has no elements
 * @param begin where its bytes begin, counted from the end of the header
 * @param end where its bytes end (exclusive), counted from the end of the header
 */
public record TensorInfo(String name, DType dtype, List<Long> shape, long begin, long end) {

    /** The most dimensions that a tensor may have; frameworks stop at 64. */
    public static final int MAX_DIMENSIONS = 1024;

    /**
     * @throws IllegalArgumentException if a dimension or {@code begin} is negative, if the shape is
     *     too large (see {@link #byteSize(DType, List)}), or if it does not take exactly the bytes
     *     from {@code begin} to {@code end}
     */
    public TensorInfo {
        Objects.requireNonNull(name, "name");
        shape = Arguments.copyOf(shape, "shape");
        long size;
        try {
            size = byteSize(dtype, shape);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "tensor " + Printable.quote(name) + ": " + e.getMessage(), e);
        }
        if (begin < 0 || end < begin || end - begin != size) {
            throw new IllegalArgumentException(
                    "tensor %s: expected offsets %d bytes apart for shape %s of %s, got [%d, %d]"
                            .formatted(
                                    Printable.quote(name),
                                    size,
                                    Printable.shape(shape),
                                    dtype,
                                    begin,
                                    end));
        }
    }

    /** Returns the tensor's size in bytes. */
    public long byteSize() {
        return end - begin;
    }

    /** Returns the number of elements. */
    public long elementCount() {
        return byteSize() / dtype.byteSize();
    }

    /**
     * Computes the size in bytes of a tensor.
     *
     * @param dtype the type of its elements
     * @param shape its dimensions
     * @throws IllegalArgumentException if there are more than {@value #MAX_DIMENSIONS} dimensions
     *     or one is negative, or if the product of the element size and all dimensions but zeros
     *     exceeds 2<sup>63</sup>-1. Zeros are left out so that the answer does not depend on the
     *     order of the dimensions, and so that strides can be computed for every shape that passes
     */
    public static long byteSize(DType dtype, List<Long> shape) {
        Objects.requireNonNull(dtype, "dtype");
        Arguments.requireElements(shape, "shape");
        if (shape.size() > MAX_DIMENSIONS) {
            throw new IllegalArgumentException(
                    "expected at most %d dimensions, got %d"
                            .formatted(MAX_DIMENSIONS, shape.size()));
        }
        long size = dtype.byteSize();
        boolean empty = false;
        for (long dimension : shape) {
            if (dimension < 0) {
                throw new IllegalArgumentException(
                        "expected dimensions of 0 or more, got shape " + Printable.shape(shape));
            }
            empty |= dimension == 0;
            long factor = Math.max(dimension, 1);
            if (size > Long.MAX_VALUE / factor) {
                throw new IllegalArgumentException(
                        "expected a size below 2^63 bytes, got shape %s of %s"
                                .formatted(Printable.shape(shape), dtype));
            }
            size *= factor;
        }
        return empty ? 0 : size;
    }
}
