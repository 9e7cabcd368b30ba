package org.panoptim.reference;

import org.panoptim.rule.MatrixAlgebra;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;

/** Runs a matrix rule on one tensor, over arrays that are copied in and out. */
final class PlainMatrixUpdate implements MatrixUpdate {

    private final Tensor tensor;
    private final float[] parameter;
    private final float[] gradient;
    private final float[][] states;
    private final Preparation preparation;

    private PlainMatrixUpdate(GroupedTensor grouped, StepScalars scalars) {
        tensor = grouped.tensor();
        parameter = tensor.value.toArray(Tensor.FLOAT);
        gradient = tensor.gradient().toArray(Tensor.FLOAT);
        float factor = scalars.gradientFactor(grouped.rule());
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] *= factor;
        }
        states = new float[tensor.states.length][];
        for (int i = 0; i < states.length; i++) {
            states[i] = tensor.states[i].toArray(Tensor.FLOAT);
        }
        preparation = scalars.preparation(tensor);
    }

    /** Updates the tensor; returns the squared norm of its change. */
    static double run(GroupedTensor grouped, MatrixRule rule, StepScalars scalars) {
        var update = new PlainMatrixUpdate(grouped, scalars);
        rule.update(update);
        return update.store();
    }

    private double store() {
        var changes = new ReductionTree(tensor.elements);
        for (int i = 0; i < parameter.length; i++) {
            float change = parameter[i] - tensor.value.getAtIndex(Tensor.FLOAT, i);
            changes.add(i, change, change);
        }
        tensor.value.copyFrom(MemorySegment.ofArray(parameter));
        for (int i = 0; i < states.length; i++) {
            tensor.states[i].copyFrom(MemorySegment.ofArray(states[i]));
        }
        return changes.sum();
    }

    @Override
    public Shape shape() {
        return tensor.parameter.shape();
    }

    @Override
    public float[] parameter() {
        return parameter;
    }

    @Override
    public float[] gradient() {
        return gradient;
    }

    @Override
    public float[] state(int slot) {
        return states[slot];
    }

    @Override
    public Preparation preparation() {
        return preparation;
    }

    @Override
    public MatrixAlgebra algebra() {
        return PlainAlgebra.INSTANCE;
    }
}
