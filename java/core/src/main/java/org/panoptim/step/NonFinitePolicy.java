package org.panoptim.step;

/**
 * What a step does with a gradient that holds an infinity or a NaN, or would once it is divided by
 * the {@link LossScale}.
 */
public enum NonFinitePolicy {
    /** Use it like any other; the gradients are not measured for it. */
    PROPAGATE,
    /** Refuse the step: no byte of parameters, states or counts changes. */
    SKIP,
    /** As {@link #SKIP}, and throw {@link NonFiniteGradientException}. */
    FAIL
}
