package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** The error in double that certificates are held against. */
class TestFactorTest {

    private final TestFactor factor = new TestFactor(2, new float[] {3, 1, 1, 3});

    @Test
    void theExactInverseHasNone() {
        // (3 + 1, 1; 1, 3 + 1)⁻¹ = (4, −1; −1, 4) / 15.
        float diagonal = 4f / 15;
        float other = -1f / 15;
        assertThat(factor.error(1, new float[] {diagonal, other, other, diagonal}))
                .isLessThan(1e-6);
    }

    @Test
    void twiceTheInverseIsWrongByOneInEveryDirection() {
        float diagonal = 8f / 15;
        float other = -2f / 15;
        assertThat(factor.error(1, new float[] {diagonal, other, other, diagonal}))
                .isCloseTo(Math.sqrt(2), within(1e-6));
    }
}
