package org.panoptim.memory;

import org.panoptim.tensor.BFloat16;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * Elements in host memory as the floats that rules compute with.
 *
 * @param memory the elements, one after another
 * @param type {@link DType#F32} or {@link DType#BF16}
 */
public record FloatView(MemorySegment memory, DType type) {

    /** Checks the components. */
    public FloatView {
        Objects.requireNonNull(memory, "memory");
        requireFloats(type);
    }

    /**
     * A view of memory of the host.
     *
     * @throws ClassCastException if it is a device's
     */
    public static FloatView of(Memory memory, DType type) {
        Objects.requireNonNull(memory, "memory");
        return new FloatView(((HostMemory) memory).segment(), type);
    }

    /**
     * Checks that elements of a type are computed with.
     *
     * @throws IllegalArgumentException if they are not
     */
    public static void requireFloats(DType type) {
        if (Objects.requireNonNull(type, "type") != DType.F32 && type != DType.BF16) {
            throw new IllegalArgumentException("the type must be F32 or BF16, but is " + type);
        }
    }

    /** The number of elements. */
    public long elements() {
        return memory.byteSize() / type.byteSize();
    }

    /** The element at an index. */
    public float get(long index) {
        return type == DType.F32
                ? memory.getAtIndex(ValueLayout.JAVA_FLOAT, index)
                : BFloat16.toFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index));
    }

    /** Sets the element at an index, rounded to nearest, ties to even. */
    public void set(long index, float value) {
        if (type == DType.F32) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
        } else {
            memory.setAtIndex(ValueLayout.JAVA_SHORT, index, BFloat16.of(value));
        }
    }
}
