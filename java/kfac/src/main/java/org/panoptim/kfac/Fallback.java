package org.panoptim.kfac;

/** What replaced an inverse that could not be computed as requested, the mildest first. */
public enum Fallback {
    /** Nothing had to be. */
    NONE,
    /** Newton's method did not reach the requested error; the Cholesky factorisation did. */
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
