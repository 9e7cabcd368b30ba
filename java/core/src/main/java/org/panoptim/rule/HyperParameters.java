package org.panoptim.rule;

/**
 * Range checks that name the rule, the hyper-parameter, what is allowed and what came. What
 * elements see as float32 is in its range as float32 too.
 */
final class HyperParameters {

    /**
     * The largest learning rate, and the largest product of it with the weight decay: divided by
     * what is left of a decay that is below 1 as float32, it is still one.
     */
    static final double LARGEST_RATE = 0x1p100;

    private static final String AS_FLOAT = " as float32";

    private HyperParameters() {}

    /** Checks a learning rate and a weight decay: each of them, and their product. */
    static void rates(String rule, double learningRate, double weightDecay) {
        nonNegative(rule, "learningRate", learningRate);
        nonNegative(rule, "weightDecay", weightDecay);
        var range = "at most 2^100, so that float32 carries what follows from it";
        require(learningRate <= LARGEST_RATE, rule, "learningRate", range, learningRate);
        double product = learningRate * weightDecay;
        require(product <= LARGEST_RATE, rule, "learningRate times weightDecay", range, product);
    }

    static void nonNegative(String rule, String name, double value) {
        var range = "finite and at least 0";
        require(value >= 0 && value < Double.POSITIVE_INFINITY, rule, name, range, value);
        require(Float.isFinite((float) value), rule, name, range + AS_FLOAT, value);
    }

    static void positive(String rule, String name, double value) {
        var range = "finite and above 0";
        require(value > 0 && value < Double.POSITIVE_INFINITY, rule, name, range, value);
        float seen = (float) value;
        require(seen > 0 && Float.isFinite(seen), rule, name, range + AS_FLOAT, value);
    }

    static void decay(String rule, String name, double value) {
        var range = "in [0, 1)";
        require(value >= 0 && value < 1, rule, name, range, value);
        require((float) value < 1, rule, name, range + AS_FLOAT, value);
    }

    static void finite(String rule, String name, double value) {
        require(Double.isFinite(value), rule, name, "finite", value);
        require(Float.isFinite((float) value), rule, name, "finite" + AS_FLOAT, value);
    }

    private static void require(
            boolean holds, String rule, String name, String range, double value) {
        if (!holds) {
            throw new IllegalArgumentException(
                    rule + ": " + name + " must be " + range + ", but is " + value);
        }
    }
}
