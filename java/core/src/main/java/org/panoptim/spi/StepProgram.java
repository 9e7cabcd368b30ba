package org.panoptim.spi;

/**
 * A step, or a named pass of a rule. A step is: measure, decide, transform, then prepare and update
 * phase by phase with the matrix work of rules between them, and finish. The order stands here
 * once, for all backends, and so does what becomes of a failure: before the decision nothing has
 * changed; a transform that fails takes the decision back; what fails later leaves the step half
 * done. All that is thrown counts, checked exceptions too, which other languages of the JVM throw
 * without saying so.
 */
public final class StepProgram {

    private StepProgram() {}

    /**
     * Takes a step.
     *
     * @param phases of the rule that has most; one at least, whether or not there is a rule
     * @throws PartialChangeException if it fails after something was changed that cannot be taken
     *     back; whatever else is thrown has changed nothing
     */
    public static void run(StepPlan plan, int phases, StepStages stages) {
        stages.measure();
        boolean transforms = plan.transform().isPresent();
        if (transforms) {
            decideAndTransform(stages);
        } else {
            stages.decide(true);
        }
        try {
            if (transforms) {
                stages.measureTransformed();
            }
            for (int phase = 0; phase < phases; phase++) {
                stages.prepare(phase);
                stages.update(phase);
                if (phase < phases - 1) {
                    stages.between(phase);
                }
            }
            stages.finish();
        } catch (Throwable e) {
            if (stages.areRecorded()) {
                throw e;
            }
            throw halfDone(stages, e);
        }
    }

    /**
     * Runs a named pass. There is nothing to decide, so all of it counts as changing something.
     *
     * @throws PartialChangeException if it fails
     */
    public static void runPass(int phases, PassStages stages) {
        try {
            for (int phase = 0; phase < phases; phase++) {
                stages.prepare(phase);
                stages.update(phase);
            }
        } catch (Throwable e) {
            if (stages.areRecorded()) {
                throw e;
            }
            throw new PartialChangeException("a pass failed half way", stages.failure(e));
        }
    }

    private static void decideAndTransform(StepStages stages) {
        var takeBack = stages.save();
        stages.decide(false);
        try {
            stages.transform();
        } catch (PartialChangeException e) {
            throw e;
        } catch (Throwable e) {
            try {
                takeBack.run();
            } catch (RuntimeException | Error again) {
                e.addSuppressed(again);
                throw halfDone(stages, e);
            }
            throw e;
        }
    }

    private static PartialChangeException halfDone(StepStages stages, Throwable thrown) {
        return new PartialChangeException("a step failed half way", stages.failure(thrown));
    }
}
