package org.panoptim.tests.functions;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NearHalfPiTest {

    /** How many digits of a product with 2/π must be computed depends on it. */
    @Test
    void noDoubleIsCloserToAMultipleOfAQuarterTurnThan2ToTheMinus62Quarters() {
        assertThat(NearHalfPi.all())
                .hasSizeGreaterThan(2900)
                .allSatisfy(close -> assertThat(close.exponentOfDistance()).isGreaterThan(-62));
    }

    /** Muller et al., Handbook of Floating-Point Arithmetic, table of worst cases. */
    @Test
    void theClosestOfAllIsTheOneThatIsKnown() {
        assertThat(NearHalfPi.all())
                .filteredOn(close -> close.exponentOfDistance() <= -60)
                .extracting(NearHalfPi.Close::x)
                .contains(6381956970095103.0 * 0x1p797);
    }
}
