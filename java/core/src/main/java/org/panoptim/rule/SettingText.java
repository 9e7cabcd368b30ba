package org.panoptim.rule;

import java.util.Locale;
import java.util.Objects;

/** Reads values of settings as command lines, traces, checkpoints and lists of rules write them. */
public final class SettingText {

    private SettingText() {}

    /**
     * A number; infinity is {@code inf}, {@code infinity} or {@code ∞}.
     *
     * @throws IllegalArgumentException if it is none
     */
    public static double number(String text) {
        return number(Objects.requireNonNull(text, "text"), "");
    }

    /**
     * The same of a setting with a range.
     *
     * @param range which numbers are meant, for the message; empty if nothing is to be said of that
     */
    static double number(String text, String range) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "inf", "+inf", "infinity", "+infinity", "∞", "+∞" -> Double.POSITIVE_INFINITY;
            case "-inf", "-infinity", "-∞" -> Double.NEGATIVE_INFINITY;
            default -> {
                try {
                    yield Double.parseDouble(text);
                } catch (NumberFormatException _) {
                    throw refused("a number", range, text);
                }
            }
        };
    }

    /**
     * A whole number.
     *
     * @throws IllegalArgumentException if it is none, or larger than a {@code long}
     */
    public static long count(String text) {
        return count(Objects.requireNonNull(text, "text"), "");
    }

    /** The same of a setting with a range. */
    static long count(String text, String range) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException _) {
            throw refused("a whole number", range, text);
        }
    }

    /**
     * Whether something is on: {@code true} or {@code on}, or else {@code false} or {@code off}.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    public static boolean flag(String text) {
        Objects.requireNonNull(text, "text");
        return switch (text) {
            case "true", "on" -> true;
            case "false", "off" -> false;
            default -> throw refused("true or false", "", text);
        };
    }

    private static IllegalArgumentException refused(String what, String range, String text) {
        var expected = range.isEmpty() ? what : what + ", " + range;
        return new IllegalArgumentException("must be " + expected + ", but is '" + text + "'");
    }
}
