package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** What {@link UpdateRule#prepare} and {@link UpdateRule#settle} know of the step. */
public final class Preparation {

    private final double rateFactor;
    private final double momentum;
    private final long step;
    private final long count;
    private final double[] reductions;
    private final Shape shape;
    private final List<Slot> slots;
    private final Slot.Extent advanced;
    private final MemorySegment[] states;
    private final boolean settable;

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
        this(
                rateFactor,
                momentum,
                step,
                count,
                Shape.of(),
                List.of(),
                Slot.Extent.TENSOR,
                new MemorySegment[0],
                reductions);
    }

    /**
     * Describes a step for one parameter or rule.
     *
     * @param shape the parameter's; of no dimension for a rule
     * @param slots its states
     * @param advanced which of them may be set: those of the tensor, or those of the rule
     * @param states the memory of its states, in the order of the slots; not copied
     */
    public Preparation(
            double rateFactor,
            double momentum,
            long step,
            long count,
            Shape shape,
            List<Slot> slots,
            Slot.Extent advanced,
            MemorySegment[] states,
            double... reductions) {
        this(
                rateFactor,
                momentum,
                step,
                count,
                shape,
                slots,
                advanced,
                states,
                true,
                Objects.requireNonNull(reductions, "reductions").clone());
    }

    private Preparation(
            double rateFactor,
            double momentum,
            long step,
            long count,
            Shape shape,
            List<Slot> slots,
            Slot.Extent advanced,
            MemorySegment[] states,
            boolean settable,
            double[] reductions) {
        this.rateFactor = rateFactor;
        this.momentum = momentum;
        this.step = step;
        this.count = count;
        this.shape = Objects.requireNonNull(shape, "shape");
        this.slots = Objects.requireNonNull(slots, "slots");
        this.advanced = Objects.requireNonNull(advanced, "advanced");
        this.states = Objects.requireNonNull(states, "states");
        this.settable = settable;
        this.reductions = reductions;
    }

    /** The same for the lines of the parameter: states can only be read, and no sum is known. */
    public Preparation forLines() {
        return new Preparation(
                rateFactor,
                momentum,
                step,
                count,
                shape,
                slots,
                advanced,
                states,
                false,
                new double[0]);
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

    /**
     * The parameter's shape, for rules that treat shapes differently; of no dimension in settle.
     */
    public Shape shape() {
        return shape;
    }

    /**
     * A sum of a phase before in the same step or pass, by its place in {@link
     * UpdateRule#reductions(Shape)}; not one of rows or columns.
     */
    public double reduction(int index) {
        return reductions[index];
    }

    /**
     * The value of a state of the parameter or the rule as a whole.
     *
     * @param slot its place in the rule's slots
     * @throws IllegalArgumentException if it is not the parameter's or the rule's as a whole, or
     *     another parameter's or rule's
     */
    public double state(int slot) {
        var extent = slots.get(slot).extent();
        if (extent != Slot.Extent.RULE && extent != advanced) {
            throw new IllegalArgumentException(
                    "state %s cannot be read here, where states of the %s are advanced"
                            .formatted(slots.get(slot), name(advanced)));
        }
        return states[slot].get(ValueLayout.JAVA_DOUBLE, 0);
    }

    /**
     * Sets the value of a state: of the parameter in {@link UpdateRule#prepare}, of the rule in
     * {@link UpdateRule#settle}.
     *
     * @param slot its place in the rule's slots
     * @throws IllegalArgumentException if it is a state of something else
     */
    public void state(int slot, double value) {
        if (!settable || slots.get(slot).extent() != advanced) {
            throw new IllegalArgumentException(
                    "state %s cannot be set here, where states of the %s are advanced"
                            .formatted(
                                    slots.get(slot), settable ? name(advanced) : "row or column"));
        }
        states[slot].set(ValueLayout.JAVA_DOUBLE, 0, value);
    }

    private static String name(Slot.Extent extent) {
        return extent.name().toLowerCase(Locale.ROOT);
    }
}
