package org.panoptim.testkit.trace;

/** Reads the values of options, as the rules' descriptors read those of settings. */
final class OptionValue {

    private OptionValue() {}

    /**
     * A number.
     *
     * @throws IllegalArgumentException if it is none
     */
    static Double number(String text) {
        try {
            return Double.valueOf(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("must be a number, but is '" + text + "'", e);
        }
    }

    /**
     * A whole number.
     *
     * @throws IllegalArgumentException if it is none
     */
    static Long count(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("must be a whole number, but is '" + text + "'", e);
        }
    }

    /**
     * Whether something is on.
     *
     * @throws IllegalArgumentException if it is neither true nor false
     */
    static Boolean flag(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default ->
                    throw new IllegalArgumentException(
                            "must be true or false, but is '" + text + "'");
        };
    }
}
