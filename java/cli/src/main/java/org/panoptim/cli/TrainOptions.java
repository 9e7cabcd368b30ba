package org.panoptim.cli;

import org.panoptim.cli.train.OptimizerEntry;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The options of {@code panoptim train}, other than the task.
 *
 * @param optimizers their entries in order; none: the task's default
 * @param epochs how often each sees all images
 * @param batch images a step
 * @param iterations steps of each optimizer
 * @param learningRate of every optimizer that has none of its own; empty: one that suits it
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
            throw new InputException(
                    "--optimizer: each may be named once with the same settings, but came "
                            + String.join(",", optimizers));
        }
    }

    private static void requirePositive(String option, Optional<Integer> value) {
        if (value.isPresent() && value.get() < 1) {
            throw new InputException(option + ": must be at least 1, but is " + value.get());
        }
    }

    /**
     * The entries, or a task's default.
     *
     * @throws InputException if one is none
     */
    List<OptimizerEntry> optimizersOr(List<String> entries) {
        return (optimizers.isEmpty() ? entries : optimizers)
                .stream()
                        .map(text -> checked("--optimizer", () -> OptimizerEntry.parse(text)))
                        .toList();
    }

    /** The learning rate that the options give an optimizer. */
    Optional<Double> learningRate(OptimizerEntry entry) {
        return entry.hasRate() ? Optional.empty() : learningRate;
    }

    /**
     * What something gives.
     *
     * @throws InputException if it refuses its arguments; the message names the option
     */
    static <T> T checked(String option, Supplier<T> made) {
        try {
            return made.get();
        } catch (IllegalArgumentException e) {
            throw new InputException(option + ": " + e.getMessage(), e);
        }
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
