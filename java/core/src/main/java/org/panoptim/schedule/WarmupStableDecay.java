package org.panoptim.schedule;

import java.util.Objects;

/**
 * Warm-up, stable, decay (WSD): a straight line up, the group's learning rate for as long as the
 * training is to go on, and a decay at its end (Hu et al., MiniCPM, 2024).
 *
 * <p>Source: the formulas of Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed
 * Training Durations, 2024; in every bit for the shapes without a cosine. PyTorch has no class for
 * it. The first step has a factor of {@code 1 / warmup}, and the step {@code warmup + stable +
 * decay}, with those behind it, one of {@code floor}.
 *
 * @param warmup steps of the rise, at least 0
 * @param stable steps between rise and decay, at least 0
 * @param decay steps of the decay, at least 1
 * @param shape of the decay
 * @param floor the last factor, in [0, 1]
 */
public record WarmupStableDecay(long warmup, long stable, long decay, Shape shape, double floor)
        implements Schedule {

    /** How the rate decays, as a function of the share p of the decay's steps that is done. */
    public enum Shape {
        /** 1 − p. */
        LINEAR,
        /** (1 + cos πp) / 2. */
        COSINE,
        /** 1 − √p. */
        ONE_MINUS_SQRT
    }

    /** Checks the components. */
    public WarmupStableDecay {
        Schedules.atLeastZero("warmupStableDecay", "warmup", warmup);
        Schedules.atLeastZero("warmupStableDecay", "stable", stable);
        Schedules.atLeastOne("warmupStableDecay", "decay", decay);
        Objects.requireNonNull(shape, "shape");
        Schedules.fraction("warmupStableDecay", "floor", floor);
    }

    /** This schedule with another last factor, in [0, 1]. */
    public WarmupStableDecay withFloor(double value) {
        return new WarmupStableDecay(warmup, stable, decay, shape, value);
    }

    @Override
    public double factor(long step) {
        Schedules.requireStep(step);
        if (step <= warmup) {
            return Schedules.progress(step, warmup);
        }
        long done = Math.max(0, step - warmup - stable);
        double progress = Schedules.progress(done, decay);
        return switch (shape) {
            case LINEAR -> above(1 - progress);
            case COSINE -> Schedules.cosine(1, floor, progress);
            case ONE_MINUS_SQRT -> above(1 - Math.sqrt(progress));
        };
    }

    private double above(double height) {
        return floor + (1 - floor) * height;
    }
}
