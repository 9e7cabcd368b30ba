package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.Collections;

/** How much of a text or shape from a file a message shows. */
class PrintableTest {

    @Test
    void aTextOf120CharactersIsShownWholeAndOf121IsNot() {
        var longest = "x".repeat(120);
        assertThat(Printable.text(longest)).isEqualTo(longest);
        assertThat(Printable.text(longest + "y")).isEqualTo(longest + "… (121 characters)");
    }

    @Test
    void aShapeOf16DimensionsIsShownWholeAndOf17IsNot() {
        var longest = Collections.nCopies(16, 1L);
        assertThat(Printable.shape(longest)).isEqualTo(longest.toString());
        assertThat(Printable.shape(Collections.nCopies(17, 1L)))
                .startsWith("[1, 1, ")
                .endsWith(", …] (17 dimensions)");
    }
}
