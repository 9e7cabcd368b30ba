package org.panoptim;

import java.io.Serial;

/**
 * A call of the optimizer failed half way, and what it had changed could not be taken back:
 * parameters, states and counts may belong to different steps, or states to different checkpoints.
 *
 * <p>The call that failed throws this, with what went wrong as the cause, and so does every later
 * call of the optimizer but {@code close}. Close the optimizer, set the parameters and load a
 * checkpoint into a new one.
 */
public final class UnusableOptimizerException extends IllegalStateException {

    @Serial private static final long serialVersionUID = 1;

    /**
     * An exception for an optimizer that is lost.
     *
     * @param what failed, a sentence without its end
     * @param cause what went wrong
     */
    public UnusableOptimizerException(String what, Throwable cause) {
        super(
                "the optimizer is unusable, since "
                        + what
                        + ": "
                        + cause.getMessage()
                        + ". Close it, and load a checkpoint into a new one",
                cause);
    }
}
