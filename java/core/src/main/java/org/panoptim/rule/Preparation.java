package org.panoptim.rule;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** What {@link PhasedRule#prepare} and {@link PhasedRule#settle} know of the step. */
public final class Preparation {

    private static final MemorySegment[] NO_STATES = {};

    private final double rateFactor;
    private final double momentum;
    private final long step;
    private final long count;
    private final double[] reductions;
    private final MemorySegment[] states;

    /**
     * Describes a step for one parameter without states.
     *
     * @param rateFactor the schedule's factor of the learning rate
     * @param momentum the schedule's momentum, or NaN if it leaves momentum alone
     * @param step the optimizer's count of accepted steps, this one included
     * @param count the parameter's count of steps, this one included
     * @param reductions the sums of the phases before, in the rule's order; copied
     */
    public Preparation(
            double rateFactor, double momentum, long step, long count, double... reductions) {
        this(rateFactor, momentum, step, count, NO_STATES, reductions);
    }

    /**
     * Describes a step for one parameter or rule.
     *
     * @param states the memory of its states, in the rule's order; not copied
     */
    public Preparation(
            double rateFactor,
            double momentum,
            long step,
            long count,
            MemorySegment[] states,
            double... reductions) {
        this.rateFactor = rateFactor;
        this.momentum = momentum;
        this.step = step;
        this.count = count;
        this.states = Objects.requireNonNull(states, "states");
        this.reductions = Objects.requireNonNull(reductions, "reductions").clone();
    }

    /** The learning rate of this step: the rule's, times the schedule's factor. */
    public double rate(double learningRate) {
        return learningRate * rateFactor;
    }

    /** The momentum of this step: the schedule's if it has one, else the rule's own. */
    public double momentum(double own) {
        return Double.isNaN(momentum) ? own : momentum;
    }

    /** The optimizer's count of accepted steps, this one included. */
    public long step() {
        return step;
    }

    /** The parameter's count of steps, this one included; for bias correction. */
    public long count() {
        return count;
    }

    /** A sum of a phase before, by its place in {@link PhasedRule#reductions()}. */
    public double reduction(int index) {
        return reductions[index];
    }

    /**
     * The value of a state of the parameter or the rule as a whole.
     *
     * @param slot its place in the rule's slots
     */
    public double state(int slot) {
        return states[slot].get(ValueLayout.JAVA_DOUBLE, 0);
    }

    /**
     * Sets the value of a state: of the parameter in {@link PhasedRule#prepare}, of the rule in
     * {@link PhasedRule#settle}.
     *
     * @param slot its place in the rule's slots
     */
    public void state(int slot, double value) {
        states[slot].set(ValueLayout.JAVA_DOUBLE, 0, value);
    }
}
