package org.panoptim.bench;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;

import java.util.List;
import java.util.function.Function;

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

    /** Bytes that a step of AdamW reads and writes for each element more than one of floats. */
    int moreBytes() {
        return switch (this) {
            case STEP, STATISTICS, SOME_STATISTICS -> 0;
            case CLIP_STEP_ZERO -> Traffic.MEASURE + Traffic.ZERO;
            case LOSS_SCALE -> Traffic.MEASURE;
            // Two reads and a write, each of two bytes less.
            case BF16 -> -6;
            case COPY -> 2;
            // Read and written.
            case AVERAGE -> 8;
        };
    }

    /** Of values and gradients. */
    DType type() {
        return this == BF16 ? DType.BF16 : DType.F32;
    }

    /** A parameter with the outputs that there are, in memory for so many elements of a type. */
    Parameter withOutputs(Parameter parameter, Function<DType, Memory> memory) {
        return switch (this) {
            case COPY -> parameter.copiedTo(output(DType.BF16, memory));
            case AVERAGE -> parameter.averagedIn(output(DType.F32, memory));
            case STEP, CLIP_STEP_ZERO, LOSS_SCALE, BF16, STATISTICS, SOME_STATISTICS -> parameter;
        };
    }

    private static Output output(DType type, Function<DType, Memory> memory) {
        return new Output(type, memory.apply(type));
    }
}
