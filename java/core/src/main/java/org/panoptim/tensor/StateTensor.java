package org.panoptim.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A state that an optimizer keeps for a parameter, to be read and set. Valid until the optimizer is
 * closed.
 */
public interface StateTensor {

    /** The parameter's name; of a state that a rule keeps for itself, the group's. */
    String parameter();

    /** Whether a group's rule keeps the state for itself. */
    default boolean isOfRule() {
        return false;
    }

    /** The state's name in PyTorch, for example {@code "exp_avg"}. */
    String slot();

    /**
     * The state's shape. Where there is a value for each element it is the parameter's {@linkplain
     * org.panoptim.parameter.Parameter#shape shape}, that of its memory: elements come in the order
     * in which the parameter's own lie, row by row of this shape. Where the parameter's {@linkplain
     * org.panoptim.parameter.Parameter#order order} is not contiguous, the tensor's own shape is
     * another.
     */
    Shape shape();

    /** The type of the elements. */
    DType dtype();

    /**
     * Copies bytes of the state out, little-endian.
     *
     * @param offset the first byte to copy
     * @param destination how much to copy, and where to
     * @throws IndexOutOfBoundsException if the state does not have that many bytes from there
     * @throws IllegalStateException if the optimizer is closed
     */
    void read(long offset, MemorySegment destination);

    /**
     * Sets bytes of the state, little-endian.
     *
     * @param offset the first byte to set
     * @param source how much to set, and to what
     * @throws IndexOutOfBoundsException if the state does not have that many bytes from there
     * @throws IllegalStateException if the optimizer is closed
     */
    void write(long offset, MemorySegment source);

    /** The size in bytes. */
    default long byteSize() {
        return shape().elements() * dtype().byteSize();
    }

    /**
     * A copy of a float32 state.
     *
     * @throws IllegalStateException if its elements are of another type
     * @throws ArithmeticException if it has more elements than an array can hold
     */
    default float[] toArray() {
        requireFloats();
        var values = new float[Math.toIntExact(shape().elements())];
        read(0, MemorySegment.ofArray(values));
        return values;
    }

    /**
     * The value of a float64 state of a parameter or rule as a whole.
     *
     * @throws IllegalStateException if it is none
     */
    default double value() {
        requireSingle();
        var value = new double[1];
        read(0, MemorySegment.ofArray(value));
        return value[0];
    }

    /**
     * Sets a float64 state of a parameter or rule as a whole.
     *
     * @throws IllegalStateException if it is none
     */
    default void value(double value) {
        requireSingle();
        write(0, MemorySegment.ofArray(new double[] {value}));
    }

    private void requireFloats() {
        if (dtype() != DType.F32) {
            throw new IllegalStateException(
                    "state '%s' of '%s' is %s%s, not float32"
                            .formatted(slot(), parameter(), dtype(), shape()));
        }
    }

    private void requireSingle() {
        if (dtype() != DType.F64 || shape().elements() != 1) {
            throw new IllegalStateException(
                    "state '%s' of '%s' is %s%s, not one float64"
                            .formatted(slot(), parameter(), dtype(), shape()));
        }
    }

    /**
     * Sets a float32 state.
     *
     * @throws IllegalStateException if its elements are of another type
     * @throws IllegalArgumentException if the number of values is not the number of elements
     */
    default void set(float... values) {
        Objects.requireNonNull(values, "values");
        requireFloats();
        if (values.length != shape().elements()) {
            throw new IllegalArgumentException(
                    "state '"
                            + slot()
                            + "' of parameter '"
                            + parameter()
                            + "' has "
                            + shape().elements()
                            + " elements, but "
                            + values.length
                            + " came");
        }
        write(0, MemorySegment.ofArray(values));
    }
}
