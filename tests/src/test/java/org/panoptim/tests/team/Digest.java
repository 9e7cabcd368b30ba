package org.panoptim.tests.team;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A hash of bytes that is made of those of their pieces: each member has a piece of a state, and
 * nobody has all of it.
 *
 * @param value of a polynomial modulo 2⁶⁴ whose coefficients are the bytes
 * @param length of the bytes
 */
record Digest(long value, long length) {

    private static final long BASE = 0x9E37_79B9_7F4A_7C15L;

    static final Digest EMPTY = new Digest(0, 0);

    static Digest of(MemorySegment bytes) {
        long value = 0;
        for (byte each : bytes.toArray(ValueLayout.JAVA_BYTE)) {
            // No byte counts nothing, or zeros in front would not show.
            value = value * BASE + (each & 0xFF) + 1;
        }
        return new Digest(value, bytes.byteSize());
    }

    /** That of these bytes with others after them. */
    Digest then(Digest next) {
        return new Digest(value * power(next.length) + next.value, length + next.length);
    }

    private static long power(long exponent) {
        long power = 1;
        long square = BASE;
        for (long left = exponent; left > 0; left >>= 1) {
            power *= (left & 1) == 1 ? square : 1;
            square *= square;
        }
        return power;
    }

    static Digest parse(String text) {
        var parts = text.split("/");
        return new Digest(Long.parseUnsignedLong(parts[0], 16), Long.parseLong(parts[1]));
    }

    @Override
    public String toString() {
        return Long.toHexString(value) + "/" + length;
    }
}
