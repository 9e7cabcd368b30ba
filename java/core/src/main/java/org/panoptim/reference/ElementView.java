package org.panoptim.reference;

import org.panoptim.rule.Element;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Slot;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** The element at an index of a tensor, backed by the tensor's memory. */
final class ElementView implements Element {

    private final Tensor tensor;
    private final Optional<MemorySegment> gradient;
    private final Optional<MemorySegment> curvature;
    private final float gradientScale;
    private final float curvatureScale;

    /** A tree for each reduction that this phase takes. */
    private final List<Optional<ReductionTree>> trees;

    private final List<Slot> slots;
    private final long rows;
    private final long columns;
    private long index;

    ElementView(
            Tensor tensor,
            List<Slot> slots,
            float gradientScale,
            float curvatureScale,
            List<Reduction> reductions,
            int phase,
            boolean curved) {
        this.tensor = tensor;
        this.slots = slots;
        var dimensions = tensor.parameter.shape().dimensions();
        int rank = dimensions.size();
        columns = rank > 0 ? dimensions.get(rank - 1) : 1;
        rows = rank > 1 ? dimensions.get(rank - 2) : 1;
        this.gradient = tensor.present() ? Optional.of(tensor.gradient()) : Optional.empty();
        this.curvature =
                curved && tensor.hasCurvature()
                        ? Optional.of(tensor.curvature())
                        : Optional.empty();
        this.gradientScale = gradientScale;
        this.curvatureScale = curvatureScale;
        this.trees =
                reductions.stream()
                        .map(
                                reduction ->
                                        reduction.phase() == phase
                                                ? Optional.of(new ReductionTree(tensor.elements))
                                                : Optional.<ReductionTree>empty())
                        .toList();
    }

    ElementView at(long index) {
        this.index = index;
        return this;
    }

    /** Stores the sums that this phase took; others are left alone. */
    void storeSums(double[] sums) {
        for (int i = 0; i < sums.length; i++) {
            if (trees.get(i).isPresent()) {
                sums[i] = trees.get(i).get().sum();
            }
        }
    }

    @Override
    public float parameter() {
        return tensor.value.getAtIndex(Tensor.FLOAT, index);
    }

    @Override
    public void parameter(float value) {
        tensor.value.setAtIndex(Tensor.FLOAT, index, value);
    }

    @Override
    public float gradient() {
        if (gradient.isEmpty()) {
            throw new IllegalStateException(
                    tensor.parameter + " has no gradient, which a pass over all must not read");
        }
        return gradient.get().getAtIndex(Tensor.FLOAT, index) * gradientScale;
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
        return curvature.get().getAtIndex(Tensor.FLOAT, index) * curvatureScale;
    }

    @Override
    public float state(int slot) {
        return tensor.states[slot].getAtIndex(Tensor.FLOAT, indexOf(slot));
    }

    @Override
    public void state(int slot, float value) {
        if (slots.get(slot).extent() != Slot.Extent.ELEMENT) {
            throw new IllegalStateException(
                    "an element cannot set state '%s'".formatted(slots.get(slot)));
        }
        tensor.states[slot].setAtIndex(Tensor.FLOAT, index, value);
    }

    /** Where a state has its value for the element. */
    private long indexOf(int slot) {
        return switch (slots.get(slot).extent()) {
            case ELEMENT -> index;
            case ROW -> index / columns;
            case COLUMN -> index / (rows * columns) * columns + index % columns;
            case TENSOR, RULE ->
                    throw new IllegalStateException(
                            "an element has no value of state '%s'".formatted(slots.get(slot)));
        };
    }

    @Override
    public void reduce(int reduction, float a, float b) {
        trees.get(reduction)
                .orElseThrow(
                        () ->
                                new IllegalStateException(
                                        "reduction %d is not taken by this phase"
                                                .formatted(reduction)))
                .add(index, a, b);
    }
}
