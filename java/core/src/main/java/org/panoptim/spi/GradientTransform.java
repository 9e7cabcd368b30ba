package org.panoptim.spi;

/**
 * Rewrites gradients in place between the step's acceptance and its update; Kronecker-factored
 * curvature is one. Clipping follows it: with a transform, the norm is that of what it leaves.
 */
@FunctionalInterface
public interface GradientTransform {

    /**
     * Called once a step, on the optimizer's thread, also when the step was refused (gradients must
     * then be left alone).
     *
     * <p>What it throws reaches the caller of {@link org.panoptim.Optimizer#step}, and the step is
     * not taken: parameters, states and counts are as before, gradients as it left them. If it had
     * changed what belongs to the optimizer's states, it throws {@link PartialChangeException}, and
     * the optimizer becomes unusable. It writes into the gradients that are there; if it gives a
     * parameter another gradient or curvature, the step is refused in the same way, and the
     * parameter has the old one again.
     */
    void transform(StepContext step);
}
