package org.panoptim.rule;

import java.util.OptionalInt;

/**
 * A rule with passes and no step of its own, which goes with any rule that has one ({@link
 * org.panoptim.Optimizer.Builder#companion}): SAM, Lookahead, gradients that are corrected.
 */
public interface Companion extends UpdateRule {

    /**
     * This companion for a group whose rule it goes with, where it has to know something of that.
     *
     * @throws IllegalArgumentException if it cannot go with the rule, with the reason
     */
    default Companion beside(UpdateRule rule) {
        return this;
    }

    /**
     * The place of a state of elements, zero between steps, in which the rules that it goes with
     * find zeros in the place of parameters and leave what they make of them: minus the update. A
     * pass {@linkplain Pass.Timing#COMPLETING_STEP completes the step} then.
     */
    default OptionalInt updateSlot() {
        return OptionalInt.empty();
    }

    /** The place of a state of the rule that multiplies a group's learning rate. */
    default OptionalInt rateSlot() {
        return OptionalInt.empty();
    }

    /** It has none. */
    @Override
    default double learningRate() {
        return 0;
    }

    /** It has no learning rate, so this is itself. */
    @Override
    default UpdateRule atLearningRate(double value) {
        return this;
    }

    /** It has none. */
    @Override
    default boolean takesMomentum() {
        return false;
    }

    /** It has no step. */
    @Override
    default int phases() {
        return 0;
    }
}
