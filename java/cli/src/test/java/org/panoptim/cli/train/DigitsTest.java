package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.stream.IntStream;

class DigitsTest {

    private final Digits digits = Digits.load();

    @Test
    void aFifthIsHeldOut() {
        assertThat(digits.training().count()).isEqualTo(1438);
        assertThat(digits.heldOut().count()).isEqualTo(359);
        assertThat(digits.training().pixels()).hasSize(1438 * 64);
    }

    @Test
    void pixelsAreSharesAndEveryClassIsThere() {
        for (var examples : new Digits.Examples[] {digits.training(), digits.heldOut()}) {
            assertThat(Arrays.stream(examples.classes()).distinct().sorted())
                    .containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
            var pixels = examples.pixels();
            assertThat(IntStream.range(0, pixels.length).mapToDouble(i -> pixels[i]).max())
                    .hasValue(1);
            assertThat(IntStream.range(0, pixels.length).mapToDouble(i -> pixels[i]).min())
                    .hasValue(0);
        }
    }

    @Test
    void theFirstRowIsTheFiles() {
        assertThat(Arrays.copyOf(digits.training().pixels(), 8))
                .containsExactly(0, 0, 5 / 16f, 13 / 16f, 9 / 16f, 1 / 16f, 0, 0);
        assertThat(digits.training().classes()).startsWith(0, 1);
    }
}
