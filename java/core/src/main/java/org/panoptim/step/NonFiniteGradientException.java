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
        super(
                "a gradient is infinite or NaN; the attempt after step "
                        + acceptedSteps
                        + " was refused, and parameters and states are unchanged");
    }
}
