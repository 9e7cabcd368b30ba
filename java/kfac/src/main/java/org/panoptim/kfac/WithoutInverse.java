package org.panoptim.kfac;

/**
 * What the step of a layer is as long as one of its factors has no inverse: before its first
 * contribution was taken up, or where no way of inverting it was good enough.
 */
public enum WithoutInverse {
    /**
     * None: its gradient becomes zero, so that nothing moves it but what the rule does without a
     * gradient (momentum that is still there, weight decay).
     */
    ZERO,
    /**
     * The identity stands in for the inverse that is missing: the gradient goes to the rule as it
     * is, or preconditioned on one side only, at a learning rate that was chosen for preconditioned
     * ones. The Kullback–Leibler clip bounds it like any other.
     */
    IDENTITY
}
