package org.panoptim.reference;

import org.panoptim.memory.FloatView;
import org.panoptim.rule.Element;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Slot;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The element at an index of a tensor, backed by the tensor's memory. */
final class ElementView implements Element {

    private final Tensor tensor;
    private final Optional<FloatView> gradient;
    private final Optional<FloatView> curvature;
    private final float gradientScale;
    private final float gradientLimit;
    private final float gradientUnit;
    private final float curvatureScale;

    private final List<TakenSum> sums;
    private final List<Slot> slots;
    private final Pass.Writes writes;
    private final MatrixStack matrices;
    private final boolean flushes;
    private long index;

    /** A bit for each state that the rule has set. */
    private long statesSet;

    /** The parameter as the rule has it: it is rounded to its type when the rule is done. */
    private float value;

    private boolean valueSet;

    /** The gradient that the rule has set, as the rule has it. */
    private float newGradient;

    private boolean gradientSet;
    private boolean held;

    /**
     * Elements for a phase.
     *
     * @param gradientUnit what a gradient of 1 is in memory
     * @param sums those that the phase takes
     * @param curved whether the phase looks at curvature
     * @param writes what may be set beside states
     * @param flushes whether states that are set to what is not normal become 0
     */
    ElementView(
            Tensor tensor,
            List<Slot> slots,
            MatrixStack matrices,
            float gradientScale,
            float gradientLimit,
            float gradientUnit,
            float curvatureScale,
            List<TakenSum> sums,
            boolean curved,
            Pass.Writes writes,
            boolean flushes) {
        this.tensor = tensor;
        this.flushes = flushes;
        this.slots = slots;
        this.writes = writes;
        this.matrices = matrices;
        this.sums = sums;
        this.gradient = tensor.present() ? Optional.of(tensor.gradient()) : Optional.empty();
        this.curvature =
                curved && tensor.hasCurvature()
                        ? Optional.of(tensor.curvature())
                        : Optional.empty();
        this.gradientScale = gradientScale;
        this.gradientLimit = gradientLimit;
        this.gradientUnit = gradientUnit;
        this.curvatureScale = curvatureScale;
    }

    void at(long index) {
        this.index = index;
        value = tensor.value(index);
        valueSet = false;
        gradientSet = false;
        held = false;
        statesSet = 0;
    }

    /** The gradient as it lies in memory. */
    float rawGradient() {
        return gradient.orElseThrow().get(index);
    }

    /** Whether a bound held its gradient, or the rule's update of it. */
    boolean wasHeld() {
        return held || Math.abs(rawGradient() * gradientScale) > gradientLimit;
    }

    /** Stores what the rule has set of the element, in the parameter's copy too. */
    void store() {
        if (gradientSet) {
            gradient.orElseThrow().set(index, newGradient * gradientUnit);
        }
        if (valueSet) {
            tensor.value(index, value);
            tensor.copy.ifPresent(copy -> copy.set(index, value));
        }
        for (int slot = 0; flushes && slot < slots.size(); slot++) {
            if ((statesSet >> slot & 1) != 0 && Math.abs(state(slot)) < Float.MIN_NORMAL) {
                state(slot, 0);
            }
        }
    }

    /** Writes the parameter's outputs, as the last phase of a step does. */
    void writeOutputs(float averageWeight) {
        tensor.copy.ifPresent(copy -> copy.set(index, value));
        tensor.moveAverage(index, value, averageWeight);
    }

    @Override
    public float parameter() {
        return value;
    }

    @Override
    public void parameter(float value) {
        require(Pass.Writes.PARAMETER);
        this.value = value;
        valueSet = true;
    }

    @Override
    public float gradient() {
        if (gradient.isEmpty()) {
            throw new IllegalStateException(
                    tensor.parameter + " has no gradient, which a pass over all must not read");
        }
        float scaled = gradient.get().get(index) * gradientScale;
        float above = scaled > gradientLimit ? gradientLimit : scaled;
        return above < -gradientLimit ? -gradientLimit : above;
    }

    @Override
    public void gradient(float newValue) {
        require(Pass.Writes.GRADIENT);
        newGradient = newValue;
        gradientSet = true;
    }

    @Override
    public float average() {
        return tensor.average.isPresent() ? tensor.average.get().get(index) : value;
    }

    private void require(Pass.Writes wanted) {
        if (writes != wanted) {
            throw new IllegalStateException(
                    "a %s cannot be set here: the phases write %s"
                            .formatted(
                                    wanted.name().toLowerCase(Locale.ROOT),
                                    writes.name().toLowerCase(Locale.ROOT)));
        }
    }

    @Override
    public boolean hasCurvature() {
        return curvature.isPresent();
    }

    @Override
    public float curvature() {
        if (curvature.isEmpty()) {
            throw new IllegalStateException(
                    tensor.parameter + " has no curvature in this step; ask hasCurvature first");
        }
        return curvature.get().get(index) * curvatureScale;
    }

    @Override
    public float state(int slot) {
        return tensor.states[slot].getAtIndex(ValueLayout.JAVA_FLOAT, indexOf(slot));
    }

    @Override
    public void state(int slot, float value) {
        if (slots.get(slot).extent() != Slot.Extent.ELEMENT) {
            throw new IllegalStateException(
                    "an element cannot set state '%s'".formatted(slots.get(slot)));
        }
        tensor.states[slot].setAtIndex(ValueLayout.JAVA_FLOAT, index - tensor.begin, value);
        statesSet |= 1L << slot;
    }

    /** Where a state has its value for the element. */
    private long indexOf(int slot) {
        return switch (slots.get(slot).extent()) {
            case ELEMENT -> index - tensor.begin;
            case ROW -> matrices.rowOf(index);
            case COLUMN -> matrices.columnOf(index);
            case TENSOR, RULE ->
                    throw new IllegalStateException(
                            "an element has no value of state '%s'".formatted(slots.get(slot)));
        };
    }

    @Override
    public void held() {
        held = true;
    }

    @Override
    public void reduce(int reduction, float a, float b) {
        for (var taken : sums) {
            if (taken.place() == reduction) {
                taken.sum().add(index, a, b);
                return;
            }
        }
        throw new IllegalStateException(
                "reduction %d is not taken by this phase".formatted(reduction));
    }
}
