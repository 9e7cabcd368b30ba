package org.panoptim.spi;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class CountersTest {

    @Test
    void aCountIsFromZeroToTheLargest() {
        assertThatCode(() -> Counters.require("steps", 0)).doesNotThrowAnyException();
        assertThatCode(() -> Counters.require("steps", Counters.MOST)).doesNotThrowAnyException();
        assertThatThrownBy(() -> Counters.require("steps", -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("steps must be from 0 to 2^62, but is -1");
        assertThatThrownBy(() -> Counters.require("steps", Counters.MOST + 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
