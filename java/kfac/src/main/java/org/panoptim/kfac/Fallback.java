package org.panoptim.kfac;

/** What was done where a factor's inverse could not be had as asked, from the mildest on. */
public enum Fallback {
    /** Nothing had to be. */
    NONE,
    /** Newton's method did not reach the error asked for; the Cholesky factorisation did. */
    CHOLESKY,
    /** The damping was raised. */
    LARGER_DAMPING,
    /** It was computed in double. */
    DOUBLE_PRECISION,
    /** The inverse of an earlier refresh was kept. */
    PREVIOUS_INVERSE,
    /** There was none, and the identity stands in for it, as {@link WithoutInverse} can ask for. */
    IDENTITY,
    /** There was none, and the layer stands still until there is one. */
    ZERO
}
