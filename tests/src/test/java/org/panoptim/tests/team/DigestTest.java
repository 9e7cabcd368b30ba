package org.panoptim.tests.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;

class DigestTest {

    private static Digest of(int... bytes) {
        var array = new byte[bytes.length];
        for (int i = 0; i < array.length; i++) {
            array[i] = (byte) bytes[i];
        }
        return Digest.of(MemorySegment.ofArray(array));
    }

    @Test
    void piecesMakeTheHashOfTheWhole() {
        var whole = of(1, 2, 0, 255, 4, 0);

        assertThat(of(1, 2).then(of()).then(of(0, 255, 4)).then(of(0))).isEqualTo(whole);
        assertThat(of(1, 2, 0).then(of(254, 4, 0))).isNotEqualTo(whole);
        assertThat(of(2, 1).then(of(0, 255, 4, 0))).isNotEqualTo(whole);
        assertThat(Digest.parse(whole.toString())).isEqualTo(whole);
    }
}
