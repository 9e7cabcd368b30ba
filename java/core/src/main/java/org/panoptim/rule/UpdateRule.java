package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.List;

/**
 * How an optimizer turns a gradient into a change of a parameter.
 *
 * <p>Rules are values: immutable, comparable, free of state. What a rule remembers from step to
 * step it declares as {@linkplain Slot slots}, and the optimizer's backend keeps it.
 */
public sealed interface UpdateRule permits PhasedRule {

    /**
     * The rule's name as traces and checkpoints write it, for example {@code "sophia-g"}; not that
     * of another rule of the library.
     */
    String name();

    /** The learning rate, before the schedule's factor. */
    double learningRate();

    /**
     * This rule at another learning rate.
     *
     * @throws IllegalArgumentException if {@code learningRate} is negative, infinite or NaN
     */
    UpdateRule atLearningRate(double learningRate);

    /**
     * Its hyper-parameters: names, ranges, defaults and source. A rule that brings no descriptor of
     * its own is described by the components of its record, by reflection.
     *
     * @throws IllegalArgumentException if there is neither: it is not a record, or not an
     *     accessible one, or a component cannot be a setting
     */
    default RuleDescriptor<?> descriptor() {
        return RecordDescriptor.of(this);
    }

    /**
     * The states that the rule keeps, in order: those of elements first, then those of rows, of
     * columns, of the tensor and of the rule.
     */
    List<Slot> slots();

    /**
     * The states that the rule keeps for a parameter of a shape, in the same order.
     *
     * @param parameter the shape
     */
    default List<Slot> slots(Shape parameter) {
        return slots();
    }

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
