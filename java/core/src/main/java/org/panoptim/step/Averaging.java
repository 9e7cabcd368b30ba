package org.panoptim.step;

import java.util.Objects;
import java.util.OptionalDouble;

/**
 * How the moving averages of parameters follow them: exponentially, or each step with the same
 * weight as every other (stochastic weight averaging; Izmailov et al., 2018). Steps are the
 * optimizer's accepted ones, and averages move in each of them, those of parameters that are frozen
 * or have no gradient too.
 *
 * <p>Source: PyTorch, {@code torch.optim.swa_utils}.
 *
 * @param decay what an average keeps of itself when it moves, in [0, 1]; empty: all have the same
 *     weight
 * @param start the step after which the averages are set to the parameters, and from which on they
 *     move; 0: they begin as their owner made them, and move from the first step on
 * @param every how many steps there are between two moves, at least 1
 */
public record Averaging(OptionalDouble decay, long start, long every) {

    /** Checks the components. */
    public Averaging {
        Objects.requireNonNull(decay, "decay");
        if (decay.isPresent() && !(decay.getAsDouble() >= 0 && decay.getAsDouble() <= 1)) {
            throw new IllegalArgumentException(
                    "averaging: the decay must be in [0, 1], but is " + decay.getAsDouble());
        }
        long least = decay.isPresent() ? 0 : 1;
        if (start < least) {
            throw new IllegalArgumentException(
                    "averaging: the start must be at least %d, but is %d".formatted(least, start));
        }
        if (every < 1) {
            throw new IllegalArgumentException(
                    "averaging: the steps between two moves must be at least 1, but are " + every);
        }
    }

    /**
     * In every step average ← decay · average + (1 − decay) · value, from what its owner made it.
     *
     * @param decay in [0, 1]
     */
    public static Averaging exponential(double decay) {
        return new Averaging(OptionalDouble.of(decay), 0, 1);
    }

    /** The mean of the values after every step. */
    public static Averaging equal() {
        return new Averaging(OptionalDouble.empty(), 1, 1);
    }

    /**
     * This, with averages that are set to the parameters after a step.
     *
     * @param step at least 1, or 0 for exponential averages that begin as they are
     */
    public Averaging startingAt(long step) {
        return new Averaging(decay, step, every);
    }

    /** This, moving every so many steps. */
    public Averaging every(long steps) {
        return new Averaging(decay, start, steps);
    }

    /**
     * How far averages move towards the values after a step, in [0, 1].
     *
     * @param step from 1
     */
    public double weight(long step) {
        long since = step - start;
        if (since < 0 || since % every != 0) {
            return 0;
        }
        if (decay.isEmpty()) {
            return 1.0 / (since / every + 1);
        }
        return since == 0 ? 1 : 1 - decay.getAsDouble();
    }
}
