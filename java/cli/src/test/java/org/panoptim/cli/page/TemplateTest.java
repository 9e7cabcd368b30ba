package org.panoptim.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

import java.util.Map;

class TemplateTest {

    private static final Template GREETING = new Template("{{greeting}}, {{name}}; {{greeting}}!");

    @Test
    void everyPlaceIsFilled() {
        assertThat(GREETING.fill(Map.of("greeting", "Hello", "name", "you")))
                .isEqualTo("Hello, you; Hello!");
    }

    @Test
    void whatIsFilledInIsNoTemplate() {
        assertThat(GREETING.fill(Map.of("greeting", "{{name}} $1 \\", "name", "you")))
                .isEqualTo("{{name}} $1 \\, you; {{name}} $1 \\!");
    }

    @Test
    void placesAndValuesMustBelongTogether() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GREETING.fill(Map.of("greeting", "Hello")))
                .withMessage("there is no value for name");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GREETING.fill(Map.of("greeting", "a", "name", "b", "age", "c")))
                .withMessage("there is no place for [age]");
    }
}
