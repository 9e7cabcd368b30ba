package org.panoptim.cli;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * The options of {@code panoptim train}, other than the task.
 *
 * @param optimizers their names in order; none: the task's default
 * @param epochs how often each sees all images
 * @param batch images a step
 * @param iterations steps of each optimizer
 * @param learningRate of every optimizer; empty: one that suits it
 * @param seed what is random follows from it
 */
record TrainOptions(
        List<String> optimizers,
        Optional<Integer> epochs,
        Optional<Integer> batch,
        Optional<Integer> iterations,
        Optional<Double> learningRate,
        long seed) {

    /**
     * Copies the list and checks what every task checks.
     *
     * @throws InputException if a number is below 1 or an optimizer is named twice
     */
    TrainOptions {
        optimizers = List.copyOf(optimizers);
        requirePositive("--epochs", epochs);
        requirePositive("--batch", batch);
        requirePositive("--iterations", iterations);
        if (new HashSet<>(optimizers).size() < optimizers.size()) {
            throw new InputException("--optimizer: each may be named once, but came " + optimizers);
        }
    }

    private static void requirePositive(String option, Optional<Integer> value) {
        if (value.isPresent() && value.get() < 1) {
            throw new InputException(option + ": must be at least 1, but is " + value.get());
        }
    }

    /** The names, or a task's default. */
    List<String> optimizersOr(List<String> names) {
        return optimizers.isEmpty() ? names : optimizers;
    }

    /**
     * Refuses an option that a task has no use for.
     *
     * @throws InputException if it is given
     */
    static void refuse(String option, Optional<?> value, String reason) {
        if (value.isPresent()) {
            throw new InputException(option + ": " + reason);
        }
    }
}
