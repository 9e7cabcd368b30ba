package org.panoptim.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Floats as bfloat16 and back. */
class BFloat16Test {

    @ParameterizedTest
    @CsvSource({
        "0x0p0, 0000",
        "-0x0p0, 8000",
        "0x1p0, 3f80",
        // Ties go to the even one.
        "0x1.01p0, 3f80",
        "0x1.03p0, 3f82",
        "-0x1.01p0, bf80",
        // And past a tie to the nearer one.
        "0x1.010002p0, 3f81",
        "0x1.02fffep0, 3f81",
        // The largest, what becomes infinite, and denormals.
        "0x1.fep127, 7f7f",
        "0x1.fefffep127, 7f7f",
        "0x1.ffp127, 7f80",
        "-0x1.fffffep127, ff80",
        "0x1p-133, 0001",
        "0x1p-134, 0000",
        "0x1.8p-133, 0002",
        "0x1p-149, 0000",
        "Infinity, 7f80",
        "-Infinity, ff80"
    })
    void aFloatBecomesTheNearest(String value, String bits) {
        short rounded = BFloat16.of(Float.parseFloat(value));
        assertThat(Integer.toHexString(rounded & 0xffff | 0x10000).substring(1)).isEqualTo(bits);
    }

    @Test
    void everyNumberIsItsOwn() {
        for (int bits = 0; bits < 0x10000; bits++) {
            float value = BFloat16.toFloat((short) bits);
            assertThat(Float.floatToRawIntBits(value)).isEqualTo(bits << 16);
            if (!Float.isNaN(value)) {
                assertThat(BFloat16.of(value)).isEqualTo((short) bits);
            }
        }
    }

    @Test
    void aNaNStaysOneWhateverItsBits() {
        for (int bits : new int[] {0x7f800001, 0x7fffffff, 0xff800001, 0x7fc00000, 0xffc12345}) {
            float value = Float.intBitsToFloat(bits);
            assertThat(BFloat16.toFloat(BFloat16.of(value))).isNaN();
        }
    }
}
