package org.panoptim;

import org.panoptim.spi.StepPlan;

/**
 * What is no error and yet hardly wanted, told once for each optimizer through {@link
 * System.Logger} {@code org.panoptim}. Allocates nothing where there is nothing to tell.
 */
final class StepWarnings {

    /** Steps after which a rule that takes curvature ought to have had some. */
    static final int WITHOUT_CURVATURE = 1000;

    private boolean toldOfGradients;
    private boolean toldOfCurvature;
    private int stepsWithoutCurvature;

    /** Looks at what a step is about to be taken with. */
    void look(StepPlan plan, StepInputs inputs) {
        if (!toldOfGradients && !inputs.hasGradients()) {
            toldOfGradients = true;
            warn(
                    inputs.isEmpty()
                            ? "An optimizer without parameters takes steps that change nothing; its"
                                    + " builder's group(…) takes them."
                            : "A step is taken in which no parameter has a gradient, so it updates"
                                  + " none; Parameter.gradient(…) hands one over before the step.");
        }
        if (toldOfCurvature || !inputs.takesCurvature() || plan.transform().isPresent()) {
            return;
        }
        stepsWithoutCurvature = inputs.hasCurvature() ? 0 : stepsWithoutCurvature + 1;
        if (stepsWithoutCurvature == WITHOUT_CURVATURE) {
            toldOfCurvature = true;
            warn(
                    WITHOUT_CURVATURE
                            + " steps were taken with a rule that takes curvature (Sophia), and no"
                            + " parameter had any; Parameter.curvature(…) hands it over every few"
                            + " steps.");
        }
    }

    private static void warn(String text) {
        System.getLogger("org.panoptim").log(System.Logger.Level.WARNING, text);
    }
}
