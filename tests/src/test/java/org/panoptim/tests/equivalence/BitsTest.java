package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;

/** What the suite takes for the same bits. */
class BitsTest {

    private static final int[] NANS = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF};

    @Test
    void allNaNsAreOneValueWhateverTheirSignAndPayload() {
        for (int left : NANS) {
            for (int right : NANS) {
                assertThat(Bits.difference(words(left), words(right))).isEmpty();
            }
        }
    }

    @Test
    void aNaNIsNoNumberAndNoInfinity() {
        for (float number : new float[] {0, 1, Float.POSITIVE_INFINITY}) {
            assertThat(Bits.difference(words(NANS[0]), words(Float.floatToRawIntBits(number))))
                    .isPresent();
        }
    }

    @Test
    void zerosOfBothSignsAndNeighboursDiffer() {
        assertThat(Bits.difference(words(0), words(0x80000000))).isPresent();
        assertThat(Bits.difference(words(0), words(1))).isPresent();
        assertThat(Bits.difference(words(0x3F800000), words(0x3F800001))).isPresent();
    }

    private static MemorySegment words(int... bits) {
        return MemorySegment.ofArray(bits);
    }
}
