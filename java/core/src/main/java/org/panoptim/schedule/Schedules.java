package org.panoptim.schedule;

/** The curves and checks that schedules share. */
final class Schedules {

    private Schedules() {}

    /** done / all, at most 1. */
    static double progress(long done, long all) {
        return done >= all ? 1 : (double) done / all;
    }

    /** Half a cosine from {@code start} at progress 0 to {@code end} at progress 1. */
    static double cosine(double start, double end, double progress) {
        return end + (start - end) * ((1 + StrictMath.cos(StrictMath.PI * progress)) / 2);
    }

    static void atLeastOne(String schedule, String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(
                    schedule + ": " + name + " must be at least 1, but is " + value);
        }
    }

    static void nonNegative(String schedule, String name, double value) {
        if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    schedule + ": " + name + " must be finite and at least 0, but is " + value);
        }
    }
}
