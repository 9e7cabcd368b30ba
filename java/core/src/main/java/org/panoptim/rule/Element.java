package org.panoptim.rule;

/** One element of a parameter during an update: its value, gradient, curvature and states. */
public interface Element {

    /** The parameter's value. */
    float parameter();

    /**
     * Sets the parameter's value; only in the last phase of a rule's step, or in a pass that
     * {@linkplain Pass.Writes writes parameters}. A phase of a pass sets it of every element or,
     * whatever the numbers are, of none: copies of parameters are written where it is set.
     */
    void parameter(float value);

    /**
     * The gradient: unscaled, clipped unless this is a pass, and negated if the rule maximizes.
     *
     * @throws IllegalStateException if there is none, in a pass over every parameter
     */
    float gradient();

    /**
     * Sets the gradient, in the units of {@link #gradient()}; only in a pass that {@linkplain
     * Pass.Writes writes gradients}, and there in a phase of every element or, whatever the numbers
     * are, of none.
     */
    void gradient(float value);

    /** The parameter's moving average, or the parameter's value if it has none. */
    float average();

    /** Whether the caller handed in curvature for this step. */
    boolean hasCurvature();

    /**
     * The curvature: unscaled, and negated if the rule maximizes.
     *
     * @throws IllegalStateException if there is none in this step
     */
    float curvature();

    /**
     * The value of a state of the element, its row or its column, by its place in {@link
     * UpdateRule#slots(org.panoptim.tensor.Shape)}.
     */
    float state(int slot);

    /** Sets the value of a state of the element. */
    void state(int slot, float value);

    /**
     * Says that a bound of the rule held its update of the element; statistics of a step count such
     * elements, and those whose gradient was held by the bound of values.
     */
    void held();

    /**
     * Contributes {@code a · b} to a reduction that this phase takes: of a row or column, to that
     * of the element.
     *
     * @param reduction its place in {@link UpdateRule#reductions(org.panoptim.tensor.Shape)}
     */
    void reduce(int reduction, float a, float b);
}
