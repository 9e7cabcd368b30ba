package org.panoptim.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class ParagraphTest {

    @Test
    void itemsAreKeptWholeAndAlignedBehindTheStart() {
        assertThat(Paragraph.ofItems("a: ", List.of("one", "two 2", "three 3 3", "4"), 14))
                .containsExactly("a: one, two 2,", "   three 3 3,", "   4");
    }

    @Test
    void wordsFillTheLine() {
        assertThat(Paragraph.ofWords("", "one two three", 7)).containsExactly("one two", "three");
        assertThat(Paragraph.ofWords("- ", "immeasurable word", 6))
                .containsExactly("- immeasurable", "  word");
    }
}
