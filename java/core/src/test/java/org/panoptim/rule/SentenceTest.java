package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SentenceTest {

    @Test
    void smallNumbersHaveAnExponentWhateverTheirDigits() {
        assertThat(Sentence.number(0.00000251013)).isEqualTo("2.51013e-6");
        assertThat(Sentence.number(5.01774e-8)).isEqualTo("5.01774e-8");
        assertThat(Sentence.number(1e-5)).isEqualTo("1e-5");
        assertThat(Sentence.number(-6.25e-5)).isEqualTo("-6.25e-5");
        assertThat(Sentence.number(Double.MIN_VALUE)).isEqualTo("4.94066e-324");
        assertThat(Sentence.number(9.9999999e-5)).isEqualTo("0.0001");
        assertThat(Sentence.number(1e-4)).isEqualTo("0.0001");
        assertThat(Sentence.number(0.000625)).isEqualTo("0.000625");
    }

    @Test
    void othersHaveSixDigitsAndWholeOnesAll() {
        assertThat(Sentence.number(1 / 3.0)).isEqualTo("0.333333");
        assertThat(Sentence.number(-2.5)).isEqualTo("-2.5");
        assertThat(Sentence.number(0)).isEqualTo("0");
        assertThat(Sentence.number(536870912)).isEqualTo("536870912");
        assertThat(Sentence.number(1234567.5)).isEqualTo("1234570");
        assertThat(Sentence.number(1e9)).isEqualTo("1e9");
        assertThat(Sentence.number(-1.25e300)).isEqualTo("-1.25e300");
        assertThat(Sentence.number(Double.NaN)).isEqualTo("NaN");
        assertThat(Sentence.number(Double.NEGATIVE_INFINITY)).isEqualTo("-Infinity");
    }

    @Test
    void numbersInASentenceAreWrittenLikeThat() {
        assertThat(Sentence.of("%s of %s in step %d", 1e-5, "it", 7L))
                .isEqualTo("1e-5 of it in step 7");
    }
}
