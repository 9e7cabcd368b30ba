package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What the strings of a header may take of memory, whoever counts them. */
class StringBudgetTest {

    private static final int HEADER = 1000;

    /** The memory that an entry takes whose strings have no characters. */
    private static long entry() {
        var budget = new StringBudget(HEADER);
        int count = 0;
        while (budget.add("", "")) {
            count++;
        }
        // Less than a byte lies between this and the next quotient.
        return budget.limit() / count;
    }

    private static boolean fits(String key, String value) {
        return new StringBudget(HEADER).add(key, value);
    }

    @Test
    void aLongerHeaderMayHaveTwiceItsLengthMore() {
        assertThat(new StringBudget(HEADER).limit())
                .isEqualTo(new StringBudget(0).limit() + 2 * HEADER)
                .isGreaterThan(16_000_000);
    }

    @Test
    void aByteForEachLatinLetterFitsUpToTheLimitAndNotOneMore() {
        int left = (int) (new StringBudget(HEADER).limit() - entry());
        assertThat(fits("", "a".repeat(left))).isTrue();
        assertThat(fits("", "a".repeat(left + 1))).isFalse();
        assertThat(fits("\u00ff".repeat(left), "")).isTrue();
        assertThat(fits("a", "\u00ff".repeat(left))).isFalse();
    }

    @Test
    void oneLetterBeyondLatinMakesAllOfItsStringTakeTwoBytes() {
        int left = (int) (new StringBudget(HEADER).limit() - entry());
        var wide = "a".repeat(left / 2 - 1) + "\u0100";
        assertThat(fits("", wide)).isTrue();
        assertThat(fits("", "a" + wide)).isFalse();
    }
}
