package org.panoptim.rule;

/** Range checks that name the rule, the hyper-parameter, what is allowed and what came. */
final class HyperParameters {

    private HyperParameters() {}

    static void nonNegative(String rule, String name, double value) {
        require(
                value >= 0 && value < Double.POSITIVE_INFINITY,
                rule,
                name,
                "finite and at least 0",
                value);
    }

    static void positive(String rule, String name, double value) {
        require(
                value > 0 && value < Double.POSITIVE_INFINITY,
                rule,
                name,
                "finite and above 0",
                value);
    }

    static void decay(String rule, String name, double value) {
        require(value >= 0 && value < 1, rule, name, "in [0, 1)", value);
    }

    static void finite(String rule, String name, double value) {
        require(Double.isFinite(value), rule, name, "finite", value);
    }

    private static void require(
            boolean holds, String rule, String name, String range, double value) {
        if (!holds) {
            throw new IllegalArgumentException(
                    rule + ": " + name + " must be " + range + ", but is " + value);
        }
    }
}
