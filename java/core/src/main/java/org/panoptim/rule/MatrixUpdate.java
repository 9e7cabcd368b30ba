package org.panoptim.rule;

import org.panoptim.tensor.Shape;

/** One parameter in the hands of a {@link MatrixRule}; arrays are in row-major order. */
public interface MatrixUpdate {

    /** The parameter's shape, which is also that of its memory. */
    Shape shape();

    /** The parameter's values, to be changed in place. */
    float[] parameter();

    /** The gradient: unscaled, clipped, and negated if the rule maximizes. To be read only. */
    float[] gradient();

    /**
     * A state's values, to be changed in place, by its place in {@link UpdateRule#slots()}.
     *
     * @throws IllegalArgumentException if it is one double of the tensor as a whole, which {@link
     *     #preparation} reads and sets
     */
    float[] state(int slot);

    /** The step: the schedule's factors and the counts. */
    Preparation preparation();

    /** Matrix products of the backend. */
    MatrixAlgebra algebra();
}
