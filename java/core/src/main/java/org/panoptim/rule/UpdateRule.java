package org.panoptim.rule;

import java.util.List;

/**
 * How an optimizer turns a gradient into a change of a parameter.
 *
 * <p>Rules are values: immutable, comparable, free of state. What a rule remembers from step to
 * step it declares as {@linkplain Slot slots}, and the optimizer's backend keeps it.
 */
public sealed interface UpdateRule permits PhasedRule, MatrixRule {

    /** The rule's name as traces and checkpoints write it, for example {@code "sophia-g"}. */
    String name();

    /** The learning rate, before the schedule's factor. */
    double learningRate();

    /**
     * This rule at another learning rate.
     *
     * @throws IllegalArgumentException if {@code learningRate} is negative, infinite or NaN
     */
    UpdateRule atLearningRate(double learningRate);

    /** The states that the rule keeps per parameter, each of the parameter's shape, in order. */
    List<Slot> slots();

    /**
     * Whether the rule climbs instead of descending: the gradient's sign is turned first of all.
     */
    default boolean maximize() {
        return false;
    }

    /**
     * Whether the rule has a momentum, or a decay of the gradient's average, that a schedule can
     * replace. A schedule that sets one is refused for a rule that has none.
     */
    default boolean takesMomentum() {
        return true;
    }
}
