package org.panoptim.rule;

import java.util.Objects;

/**
 * A hyper-parameter of a rule, as its {@linkplain RuleDescriptor descriptor} names it.
 *
 * @param component the record's component, for example {@code "learningRate"}; the kernel has it in
 *     snake case
 * @param name PyTorch's name, for example {@code "lr"}, in traces, checkpoints and the command line
 * @param range the values that it may have
 * @param initial the value that the rule's defaults have: a {@link Double}, {@link Boolean} or
 *     {@link Long}
 * @param corrected whether it is the decay β of an average that is corrected for its beginning:
 *     divided by 1 − βⁿ, with n the parameter's count of steps
 * @param fromRule whether a companion takes it from the rule that it goes with, so that nobody sets
 *     it
 */
public record RuleSetting(
        String component,
        String name,
        Range range,
        Object initial,
        boolean corrected,
        boolean fromRule) {

    /** The values that a hyper-parameter may have; what elements see as float32, as float32 too. */
    public enum Range {
        /** A learning rate: at least 0, and at most 2^100. */
        RATE("in [0, 2^100]"),
        /** At least 0; so is its product with the learning rate, which is at most 2^100. */
        WEIGHT_DECAY("finite and at least 0"),
        /** At least 0. */
        NON_NEGATIVE("finite and at least 0"),
        /** Above 0. */
        POSITIVE("finite and above 0"),
        /** At most 0. */
        NON_POSITIVE("finite and at most 0"),
        /** A decay of an average: at least 0 and below 1. */
        DECAY("in [0, 1)"),
        /** A share: at least 0 and at most 1. */
        FRACTION("in [0, 1]"),
        /** A share that leaves a rest: above 0 and below 1. */
        OPEN_FRACTION("in (0, 1)"),
        /** A factor that something may grow by: at least 1, and perhaps infinite. */
        GROWTH("at least 1"),
        /** Any finite number. */
        FINITE("finite"),
        /** A whole number, at least 0. */
        COUNT("at least 0"),
        /** A whole number, at least 1. */
        POSITIVE_COUNT("at least 1"),
        /** A number of iterations, which no step should wait longer for: from 1 to 99. */
        ITERATIONS("from 1 to 99"),
        /** True or false. */
        FLAG("true or false"),
        /** Whatever its type holds: of rules that check their settings themselves. */
        ANY("a value of its type");

        private final String text;

        Range(String text) {
            this.text = text;
        }

        /** Whether a value is in the range, looked at as a double. */
        private boolean holds(double value) {
            return switch (this) {
                case RATE -> value >= 0 && value <= LARGEST_RATE;
                case WEIGHT_DECAY, NON_NEGATIVE -> value >= 0 && value < Double.POSITIVE_INFINITY;
                case POSITIVE -> value > 0 && value < Double.POSITIVE_INFINITY;
                case NON_POSITIVE -> value <= 0 && value > Double.NEGATIVE_INFINITY;
                case DECAY -> value >= 0 && value < 1;
                case FRACTION -> value >= 0 && value <= 1;
                case OPEN_FRACTION -> value > 0 && value < 1;
                case FINITE -> Double.isFinite(value);
                case COUNT -> value >= 0;
                case GROWTH, POSITIVE_COUNT -> value >= 1;
                case ITERATIONS -> value >= 1 && value <= 99;
                case FLAG, ANY -> true;
            };
        }

        private boolean seenAsFloat() {
            return !isWhole() && this != GROWTH && this != FLAG && this != ANY;
        }

        /** Whether its values are whole numbers. */
        public boolean isWhole() {
            return this == COUNT || this == POSITIVE_COUNT || this == ITERATIONS;
        }

        /** The range in words, for example {@code "in [0, 1)"}. */
        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * The largest learning rate, and the largest product of it with the weight decay: divided by
     * what is left of a decay that is below 1 as float32, it is still one.
     */
    static final double LARGEST_RATE = 0x1p100;

    private static final String TOO_LARGE =
            "at most 2^100, so that float32 carries what follows from it";

    /** Checks that nothing is absent. */
    public RuleSetting {
        Objects.requireNonNull(component, "component");
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(range, "range");
        Objects.requireNonNull(initial, "initial");
    }

    /** Whether it is on or off. */
    public boolean isFlag() {
        return initial instanceof Boolean;
    }

    /** The same, taken from the rule that a companion goes with. */
    RuleSetting takenFromRule() {
        return new RuleSetting(component, name, range, initial, corrected, true);
    }

    /** Its name in the kernel: {@code "learning_rate"}. */
    public String kernelName() {
        var result = new StringBuilder(component.length() + 2);
        for (char letter : component.toCharArray()) {
            if (Character.isUpperCase(letter)) {
                result.append('_');
            }
            result.append(Character.toLowerCase(letter));
        }
        return result.toString();
    }

    /** A value as the kernel takes it. */
    static double number(Object value) {
        return value instanceof Boolean flag ? flag ? 1 : 0 : ((Number) value).doubleValue();
    }

    /**
     * Reads a value and checks it.
     *
     * @param rule who refuses it
     * @throws IllegalArgumentException if it is none, or out of range; the message names the rule,
     *     the setting, the range and the value
     */
    Object parse(String rule, String text) {
        Object value;
        try {
            var wanted = range == Range.ANY ? "" : range.text;
            value =
                    switch (initial) {
                        case Boolean _ -> SettingText.flag(text);
                        case Long _ -> SettingText.count(text, wanted);
                        default -> SettingText.number(text, wanted);
                    };
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(rule + ": " + name + " " + e.getMessage(), e);
        }
        check(rule, name, range, value);
        return value;
    }

    /**
     * Checks a value.
     *
     * @param rule who refuses it
     * @throws IllegalArgumentException if it is out of range
     */
    void check(String rule, Object value) {
        check(rule, component, range, value);
    }

    static void check(String rule, String what, Range range, Object value) {
        double number = number(value);
        require(range.holds(number), rule, what, range.text, value);
        if (range.seenAsFloat()) {
            float seen = (float) number;
            boolean holds = Float.isFinite(seen) && range.holds(seen);
            require(holds, rule, what, range.text + " as float32", value);
        }
    }

    /** Checks what a learning rate and a weight decay amount to. */
    static void checkProduct(
            String rule, RuleSetting rate, double rateValue, RuleSetting decay, double value) {
        double product = rateValue * value;
        // Every rule that is made comes by: the name is joined only for the message.
        if (!(product <= LARGEST_RATE)) {
            var what = rate.component + " times " + decay.component;
            require(false, rule, what, TOO_LARGE, product);
        }
    }

    private static void require(
            boolean holds, String rule, String what, String range, Object value) {
        if (!holds) {
            throw new IllegalArgumentException(
                    rule + ": " + what + " must be " + range + ", but is " + value);
        }
    }
}
