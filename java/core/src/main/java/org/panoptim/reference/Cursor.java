package org.panoptim.reference;

import org.panoptim.rule.Element;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The element at an index of a tensor, backed by the tensor's memory. */
final class Cursor implements Element {

    private final Tensor tensor;
    private final MemorySegment gradient;
    private final Optional<MemorySegment> curvature;
    private final float gradientScale;
    private final float curvatureScale;
    private final ReductionTree[] reductions;
    private long index;

    Cursor(Tensor tensor, float gradientScale, float curvatureScale, int reductions) {
        this.tensor = tensor;
        this.gradient = tensor.gradient();
        this.curvature = tensor.hasCurvature() ? Optional.of(tensor.curvature()) : Optional.empty();
        this.gradientScale = gradientScale;
        this.curvatureScale = curvatureScale;
        this.reductions = new ReductionTree[reductions];
        for (int i = 0; i < reductions; i++) {
            this.reductions[i] = new ReductionTree(tensor.elements);
        }
    }

    Cursor at(long index) {
        this.index = index;
        return this;
    }

    double[] sums() {
        var sums = new double[reductions.length];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = reductions[i].sum();
        }
        return sums;
    }

    void zeroGradient() {
        gradient.setAtIndex(Tensor.FLOAT, index, 0);
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
        return gradient.getAtIndex(Tensor.FLOAT, index) * gradientScale;
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
        return tensor.states[slot].getAtIndex(Tensor.FLOAT, index);
    }

    @Override
    public void state(int slot, float value) {
        tensor.states[slot].setAtIndex(Tensor.FLOAT, index, value);
    }

    @Override
    public void reduce(int reduction, float a, float b) {
        reductions[reduction].add(index, a, b);
    }
}
