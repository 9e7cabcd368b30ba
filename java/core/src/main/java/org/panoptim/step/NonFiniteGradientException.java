package org.panoptim.step;

import java.io.Serial;

/**
 * A gradient was infinite or NaN under {@link NonFinitePolicy#FAIL}. The step was refused:
 * parameters, states and counts are as before it.
 */
public final class NonFiniteGradientException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception for the attempt that followed so many accepted steps. */
    public NonFiniteGradientException(long acceptedSteps) {
        this("the attempt after step " + acceptedSteps);
    }

    /**
     * An exception for an attempt that was heard of later: it followed at least and at most so many
     * accepted steps.
     */
    public NonFiniteGradientException(long least, long most) {
        this(
                least == most
                        ? "the attempt after step " + most
                        : "an attempt between steps " + least + " and " + most);
    }

    private NonFiniteGradientException(String attempt) {
        super(
                "a gradient is infinite or NaN; "
                        + attempt
                        + " was refused, and parameters and states are unchanged");
    }
}
