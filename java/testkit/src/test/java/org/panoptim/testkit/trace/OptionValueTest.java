package org.panoptim.testkit.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class OptionValueTest {

    @Test
    void valuesAreReadAsTracesWriteThem() {
        assertThat(OptionValue.number("1e-3")).isEqualTo(0.001);
        assertThat(OptionValue.count("5")).isEqualTo(5);
        assertThat(OptionValue.flag("true")).isTrue();
        assertThat(OptionValue.flag("false")).isFalse();
    }

    @Test
    void whatIsNoneIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OptionValue.number("one"))
                .withMessage("must be a number, but is 'one'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OptionValue.count("1.5"))
                .withMessage("must be a whole number, but is '1.5'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OptionValue.flag("on"))
                .withMessage("must be true or false, but is 'on'");
    }
}
