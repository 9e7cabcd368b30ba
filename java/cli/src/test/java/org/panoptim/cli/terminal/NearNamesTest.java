package org.panoptim.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.List;

class NearNamesTest {

    private static final List<String> NAMES =
            List.of("sgd", "adam", "adamw", "adamax", "lion", "lamb", "schedule-free-adamw");

    private static List<String> near(String typed) {
        return NearNames.of(typed, NAMES);
    }

    @Test
    void aSlipOfTheFingerIsNear() {
        assertThat(near("adamv")).startsWith("adam", "adamw").hasSizeLessThanOrEqualTo(3);
        assertThat(near("loin")).isEmpty(); // two letters of four
        assertThat(near("lionn")).containsExactly("lion");
        assertThat(near("sg")).containsExactly("sgd");
    }

    @Test
    void aPartOfANameIsNear() {
        assertThat(near("schedule-free")).containsExactly("schedule-free-adamw");
        assertThat(near("torch-sgd")).containsExactly("sgd");
    }

    @Test
    void whatIsFarIsNot() {
        assertThat(near("muon")).doesNotContain("adam");
        assertThat(near("nonsense")).isEmpty();
        assertThat(near("")).isEmpty();
    }
}
