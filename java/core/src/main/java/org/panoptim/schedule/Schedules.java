package org.panoptim.schedule;

import java.util.Arrays;

/** The curves and checks that schedules share. */
final class Schedules {

    private Schedules() {}

    /** done / all, at most 1. */
    static double progress(long done, long all) {
        return done >= all ? 1 : (double) done / all;
    }

    /** Half a cosine from {@code start} at progress 0 to {@code end} at progress 1. */
    static double cosine(double start, double end, double progress) {
        return cosineAt(StrictMath.PI * progress, start, end);
    }

    private static double cosineAt(double angle, double start, double end) {
        return end + (start - end) * ((1 + StrictMath.cos(angle)) / 2);
    }

    /** Half a cosine from 1 to {@code floor}, by PyTorch's formula, which multiplies first. */
    static double annealing(double done, double all, double floor) {
        return cosineAt(StrictMath.PI * Math.min(done, all) / all, 1, floor);
    }

    /** The same over and over, each time with {@code multiplier} times as many steps. */
    static double restartingAnnealing(long done, long period, long multiplier, double floor) {
        // Whole numbers in doubles: a period may become larger than a long.
        double inPeriod = multiplier == 1 ? done % period : done;
        double length = period;
        while (inPeriod >= length) {
            inPeriod -= length;
            length *= multiplier;
        }
        return annealing(inPeriod, length, floor);
    }

    /** How many of the milestones are at {@code done} or before. */
    static int passed(long[] milestones, long done) {
        int found = Arrays.binarySearch(milestones, done);
        return found >= 0 ? found + 1 : -found - 1;
    }

    /**
     * Checks the number of a step.
     *
     * @throws IllegalArgumentException if it is below 1
     */
    static void requireStep(long step) {
        // Every step comes by: the message is joined only if it is needed.
        if (step < 1) {
            throw new IllegalArgumentException("steps count from 1, so none is " + step);
        }
    }

    static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    static void requireMilestones(String schedule, long[] milestones) {
        long last = 0;
        for (long milestone : milestones) {
            require(
                    milestone > last,
                    schedule
                            + ": milestones must be at least 1 and rise, but are "
                            + Arrays.toString(milestones));
            last = milestone;
        }
    }

    static void atLeastZero(String schedule, String name, long value) {
        require(value >= 0, schedule + ": " + name + " must be at least 0, but is " + value);
    }

    static void atLeastOne(String schedule, String name, long value) {
        require(value >= 1, schedule + ": " + name + " must be at least 1, but is " + value);
    }

    static void nonNegative(String schedule, String name, double value) {
        require(
                value >= 0 && value < Double.POSITIVE_INFINITY,
                schedule + ": " + name + " must be finite and at least 0, but is " + value);
    }

    static void positive(String schedule, String name, double value) {
        require(
                value > 0 && value < Double.POSITIVE_INFINITY,
                schedule + ": " + name + " must be finite and above 0, but is " + value);
    }

    static void fraction(String schedule, String name, double value) {
        require(
                value >= 0 && value <= 1,
                schedule + ": " + name + " must be in [0, 1], but is " + value);
    }

    static void positiveFraction(String schedule, String name, double value) {
        require(
                value > 0 && value <= 1,
                schedule + ": " + name + " must be in (0, 1], but is " + value);
    }

    static void momentum(String schedule, String name, double value) {
        require(
                value >= 0 && value < 1,
                schedule + ": " + name + " must be in [0, 1), but is " + value);
    }
}
