package org.panoptim.bench;

import java.util.List;

/** What a timed step does, and with which arrays. */
public enum Scenario {
    /** The step alone. */
    STEP("step"),

    /** Clipping to a global norm of 1, the step, and zeros into the gradients. */
    CLIP_STEP_ZERO("clip + step + zero"),

    /** A step under a loss scale; one of ten finds an infinite gradient and is refused. */
    LOSS_SCALE("step under a loss scale, 1 in 10 refused"),

    /** The step of values and gradients in bfloat16: 22 bytes an element. */
    BF16("step of bf16 values and gradients"),

    /** The step with a copy of the values in bfloat16: 30 bytes an element. */
    COPY("step with a bf16 copy"),

    /** The step with a moving average of the values: 36 bytes an element. */
    AVERAGE("step with a moving average"),

    /** The step with statistics of each parameter: no access to memory more. */
    STATISTICS("step with statistics"),

    /** The step with statistics in one of fifty. */
    SOME_STATISTICS("step with statistics in 1 of 50");

    /** Those over arrays of floats, without outputs. */
    public static final List<Scenario> OF_FLOATS = List.of(STEP, CLIP_STEP_ZERO, LOSS_SCALE);

    /** Those over arrays of other types, or with outputs. */
    public static final List<Scenario> OF_TYPES = List.of(BF16, COPY, AVERAGE);

    /** Those that say more of what they do. */
    public static final List<Scenario> OF_STATISTICS = List.of(STATISTICS, SOME_STATISTICS);

    private final String title;

    Scenario(String title) {
        this.title = title;
    }

    /** For a reader. */
    public String title() {
        return title;
    }
}
