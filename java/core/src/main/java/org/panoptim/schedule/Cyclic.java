package org.panoptim.schedule;

import java.util.Objects;

/**
 * The learning rate cycles between two bounds in straight lines and, if wanted, the momentum
 * against it (Smith, Cyclical Learning Rates for Training Neural Networks, 2017).
 *
 * <p>Source: PyTorch, {@code CyclicLR}. In modes {@link Mode#TRIANGULAR} and {@link
 * Mode#TRIANGULAR2} factor and momentum are PyTorch's in every bit, for bounds that are learning
 * rates there and factors of a learning rate of 1 here; in {@link Mode#EXP_RANGE} but for the
 * rounding of the power. Step 1 is at the lower bound, step {@code stepsUp + 1} at the upper one.
 *
 * @param base the lower bound, a factor of the group's learning rate; finite, at least 0
 * @param max the upper bound, a factor of the group's learning rate; finite, at least {@code base}
 * @param stepsUp steps from the lower to the upper bound, at least 1
 * @param stepsDown steps from the upper to the lower bound, at least 1
 * @param mode what becomes of the distance of the bounds from cycle to cycle
 * @param gamma what {@link Mode#EXP_RANGE} multiplies the distance by at every step, in [0, 1]; 1
 *     in the other modes
 * @param baseMomentum the momentum at the upper bound, in [0, 1), or NaN to leave the rule's own
 * @param maxMomentum the momentum at the lower bound, in [{@code baseMomentum}, 1), or NaN with
 *     {@code baseMomentum}
 */
public record Cyclic(
        double base,
        double max,
        long stepsUp,
        long stepsDown,
        Mode mode,
        double gamma,
        double baseMomentum,
        double maxMomentum)
        implements Schedule {

    /** What becomes of the distance of the bounds from cycle to cycle. */
    public enum Mode {
        /** It stays. */
        TRIANGULAR,
        /** Each cycle has half of that of the one before. */
        TRIANGULAR2,
        /** It is multiplied by gamma at every step. */
        EXP_RANGE
    }

    /** Checks the components. */
    public Cyclic {
        Schedules.nonNegative("cyclic", "base", base);
        Schedules.nonNegative("cyclic", "max", max);
        Schedules.require(
                max >= base, "cyclic: max must be at least base " + base + ", but is " + max);
        Schedules.atLeastOne("cyclic", "stepsUp", stepsUp);
        Schedules.atLeastOne("cyclic", "stepsDown", stepsDown);
        Objects.requireNonNull(mode, "mode");
        if (mode == Mode.EXP_RANGE) {
            Schedules.fraction("cyclic", "gamma", gamma);
        } else {
            Schedules.require(
                    gamma == 1, "cyclic: gamma must be 1 in mode " + mode + ", but is " + gamma);
        }
        if (!(Double.isNaN(baseMomentum) && Double.isNaN(maxMomentum))) {
            Schedules.momentum("cyclic", "baseMomentum", baseMomentum);
            Schedules.momentum("cyclic", "maxMomentum", maxMomentum);
            Schedules.require(
                    maxMomentum >= baseMomentum,
                    "cyclic: maxMomentum must be at least baseMomentum "
                            + baseMomentum
                            + ", but is "
                            + maxMomentum);
        }
    }

    /** This schedule with cycles of which each is half as high as the one before. */
    public Cyclic triangular2() {
        return new Cyclic(
                base, max, stepsUp, stepsDown, Mode.TRIANGULAR2, 1, baseMomentum, maxMomentum);
    }

    /**
     * This schedule with a height that shrinks at every step.
     *
     * @param value what it is multiplied by, in [0, 1]
     */
    public Cyclic expRange(double value) {
        return new Cyclic(
                base, max, stepsUp, stepsDown, Mode.EXP_RANGE, value, baseMomentum, maxMomentum);
    }

    /** This schedule with another number of steps down. */
    public Cyclic withStepsDown(long value) {
        return new Cyclic(base, max, stepsUp, value, mode, gamma, baseMomentum, maxMomentum);
    }

    /**
     * This schedule with a momentum that cycles against the learning rate; PyTorch's defaults are
     * 0.8 and 0.9.
     *
     * @param atMax at the upper bound of the learning rate, in [0, 1)
     * @param atBase at its lower bound, in [{@code atMax}, 1)
     */
    public Cyclic withMomentum(double atMax, double atBase) {
        return new Cyclic(base, max, stepsUp, stepsDown, mode, gamma, atMax, atBase);
    }

    @Override
    public double factor(long step) {
        return base + (max - base) * position(step) * amplitude(step);
    }

    @Override
    public double momentum(long step) {
        return maxMomentum - (maxMomentum - baseMomentum) * position(step) * amplitude(step);
    }

    /** Where the step is between the bounds: 0 at the lower one, 1 at the upper one. */
    private double position(long step) {
        Schedules.requireStep(step);
        double up = stepsUp / length();
        double inCycle = 1 + (step - 1) / length() - cycle(step);
        return inCycle <= up ? inCycle / up : (inCycle - 1) / (up - 1);
    }

    private double amplitude(long step) {
        return switch (mode) {
            case TRIANGULAR -> 1;
            // From 2^-1075 on it is 0, and 1 − cycle may be less than an int can be.
            case TRIANGULAR2 -> Math.scalb(1.0, (int) Math.max(1 - cycle(step), -1100));
            case EXP_RANGE -> StrictMath.pow(gamma, step - 1);
        };
    }

    /** The number of the step's cycle, from 1. */
    private double cycle(long step) {
        return Math.floor(1 + (step - 1) / length());
    }

    private double length() {
        return (double) stepsUp + stepsDown;
    }
}
