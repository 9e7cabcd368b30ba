package org.panoptim.tensor;

import java.util.Objects;
import java.util.Optional;

/**
 * The type of a tensor's elements.
 *
 * <p>The names of the constants are the names that the safetensors format uses.
 */
public enum DType {
    /** IEEE 754 binary64. */
    F64(8),
    /** IEEE 754 binary32. */
    F32(4),
    /** IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
    F16(2),
    /** The upper half of a binary32: 8 bits of exponent, 7 of fraction. */
    BF16(2),
    /** Signed integer of 64 bits, two's complement. */
    I64(8),
    /** Signed integer of 32 bits, two's complement. */
    I32(4),
    /** Signed integer of 16 bits, two's complement. */
    I16(2),
    /** Signed integer of 8 bits, two's complement. */
    I8(1),
    /** Unsigned integer of 8 bits. */
    U8(1),
    /** A truth value in one byte, 0 or 1. */
    BOOL(1);

    private final int byteSize;

    DType(int byteSize) {
        this.byteSize = byteSize;
    }

    /** Returns the size of one element in bytes. */
    public int byteSize() {
        return byteSize;
    }

    /**
     * Finds a type by its name in the safetensors format.
     *
     * @param safetensorsName the name, for example {@code "BF16"}; case matters
     * @return the type, or empty if the format has no such type or this library does not support it
     */
    public static Optional<DType> of(String safetensorsName) {
        Objects.requireNonNull(safetensorsName, "safetensorsName");
        for (DType type : values()) {
            if (type.name().equals(safetensorsName)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
