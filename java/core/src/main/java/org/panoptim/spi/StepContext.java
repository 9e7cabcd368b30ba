package org.panoptim.spi;

/**
 * What a {@link GradientTransform} knows of the step.
 *
 * @param accepted whether the step is taken
 * @param step accepted steps, this one included if accepted
 * @param gradientScale what gradients must be multiplied by to undo the loss scale; the update does
 *     it, so a transform leaves gradients scaled as it found them
 * @param rateFactor the schedule's factor of the learning rate
 */
public record StepContext(boolean accepted, long step, double gradientScale, double rateFactor)
        implements StepFacts {}
