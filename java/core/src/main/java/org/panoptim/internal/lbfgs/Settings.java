package org.panoptim.internal.lbfgs;

/**
 * What L-BFGS is told, by PyTorch's names in camel case; {@link org.panoptim.LBFGS.Builder} says
 * what each is.
 */
public record Settings(
        double learningRate,
        int maxIterations,
        int maxEvaluations,
        double toleranceGradient,
        double toleranceChange,
        int historySize,
        boolean strongWolfe) {

    /** Checks the ranges. */
    public Settings {
        require("learningRate", learningRate);
        require("maxIterations", maxIterations);
        require("maxEvaluations", maxEvaluations);
        require("toleranceGradient", toleranceGradient);
        require("toleranceChange", toleranceChange);
        require("historySize", historySize);
    }

    private static void require(String name, double value) {
        if (!(value >= 0 && (float) value < Float.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "LBFGS: %s must be finite and at least 0, but is %s".formatted(name, value));
        }
    }

    private static void require(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(
                    "LBFGS: %s must be at least 1, but is %d".formatted(name, value));
        }
    }
}
