package org.panoptim.reference;

import org.panoptim.rule.MatrixAlgebra;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Runs a matrix rule on one tensor, over arrays that are copied in and out. */
final class PlainMatrixUpdate implements MatrixUpdate {

    private static final float[] NONE = {};

    private final Tensor tensor;
    private final float[] parameter;
    private final float[] gradient;
    private final List<Slot> slots;
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
        slots = grouped.rule().slots(tensor.parameter.shape());
        states = new float[tensor.states.length][];
        for (int i = 0; i < states.length; i++) {
            states[i] = isCopied(i) ? tensor.states[i].toArray(Tensor.FLOAT) : NONE;
        }
        preparation = scalars.preparation(grouped.rule(), tensor);
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
            if (isCopied(i)) {
                tensor.states[i].copyFrom(MemorySegment.ofArray(states[i]));
            }
        }
        return changes.sum();
    }

    /** What the tensor has as a whole, the preparation reads and sets where it lies. */
    private boolean isCopied(int slot) {
        return slots.get(slot).extent().dtype() == DType.F32;
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
        if (!isCopied(slot)) {
            throw new IllegalArgumentException(
                    "state '%s' is one double of the tensor, which the preparation reads and sets"
                            .formatted(slots.get(slot).name()));
        }
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
