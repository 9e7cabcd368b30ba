package org.panoptim.step;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which attempt was refused, as exactly as it is known. */
class NonFiniteGradientExceptionTest {

    @Test
    void itNamesTheStepThatTheAttemptFollowed() {
        assertThat(new NonFiniteGradientException(3))
                .hasMessage(
                        "a gradient is infinite or NaN; the attempt after step 3 was refused, and"
                                + " parameters and states are unchanged");
        assertThat(new NonFiniteGradientException(3, 3))
                .hasMessage(new NonFiniteGradientException(3).getMessage());
    }

    @Test
    void orTheStepsThatItWasBetween() {
        assertThat(new NonFiniteGradientException(3, 8))
                .hasMessage(
                        "a gradient is infinite or NaN; an attempt between steps 3 and 8 was"
                                + " refused, and parameters and states are unchanged");
    }
}
