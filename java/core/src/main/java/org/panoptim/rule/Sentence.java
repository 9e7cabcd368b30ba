package org.panoptim.rule;

import org.panoptim.internal.Arguments;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Objects;

/** How {@link UpdateRule#explain explanations} are written. */
public final class Sentence {

    private static final MathContext SHOWN = new MathContext(6);

    /** From here on whole numbers have an exponent, too. */
    private static final double LONG_NUMBER = 1e9;

    /** Below this, numbers have an exponent. */
    private static final double SMALL_NUMBER = 1e-4;

    private Sentence() {}

    /**
     * A sentence with values in it.
     *
     * @param format as {@link String#format} takes it, with {@code %s} for numbers too
     * @param values of which each {@code Double} becomes {@link #number}
     */
    public static String of(String format, Object... values) {
        Objects.requireNonNull(format, "format");
        return format.formatted(
                Arguments.copyOf(values, "values").stream()
                        .map(value -> value instanceof Double number ? number(number) : value)
                        .toArray());
    }

    /** A whole number in full, and others with six digits: 100, 0.05, 2.5e-8. */
    public static String number(double value) {
        if (!Double.isFinite(value)) {
            return Double.toString(value);
        }
        if (value == Math.rint(value) && Math.abs(value) < LONG_NUMBER) {
            return Long.toString((long) value);
        }
        var rounded = new BigDecimal(value).round(SHOWN).stripTrailingZeros();
        double size = Math.abs(rounded.doubleValue());
        return size >= SMALL_NUMBER && size < LONG_NUMBER
                ? rounded.toPlainString()
                : scientific(rounded);
    }

    /** One digit, the others behind the point, and the exponent. */
    private static String scientific(BigDecimal number) {
        var digits = number.unscaledValue().abs().toString();
        int exponent = digits.length() - 1 - number.scale();
        return (number.signum() < 0 ? "-" : "")
                + digits.charAt(0)
                + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + "e"
                + exponent;
    }
}
