package org.panoptim.bench;

/** What a timed step does with a model's gradients. */
public enum Scenario {
    /** The step alone. */
    STEP("step"),

    /** Clipping to a global norm of 1, the step, and zeros into the gradients. */
    CLIP_STEP_ZERO("clip + step + zero"),

    /** A step under a loss scale; one of ten finds an infinite gradient and is refused. */
    LOSS_SCALE("step under a loss scale, 1 in 10 refused");

    private final String title;

    Scenario(String title) {
        this.title = title;
    }

    /** For a reader. */
    public String title() {
        return title;
    }
}
