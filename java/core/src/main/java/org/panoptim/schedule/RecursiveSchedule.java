package org.panoptim.schedule;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.LongToDoubleFunction;

/**
 * A schedule whose factor follows from that of the step before, as in PyTorch's chainable
 * schedulers: these multiply the learning rate that they find, and a product of many factors has
 * other bits than a power or another closed form.
 *
 * <p>The factor depends on the step alone all the same. The last one is kept, so that the next step
 * costs one multiplication, and one of each {@value #INTERVAL}, so that a step which was reached
 * before costs fewer than that, in whatever order steps are asked for. Beyond step 2²⁴ the closed
 * form takes over, if there is one: a training that goes on from there does not begin with more
 * multiplications.
 *
 * <p>Safe for use by several threads at once.
 */
final class RecursiveSchedule implements Schedule {

    /** The last step that is calculated step by step where there is a closed form. */
    static final long LAST = 1L << 24;

    private static final int INTERVAL = 128;

    /** How a step's factor follows from that of the step before. */
    @FunctionalInterface
    private interface Recurrence {

        /**
         * The factor of a step.
         *
         * @param rate the factor of the step before; 1 before the first
         * @param step from 1
         */
        double next(double rate, long step);
    }

    private final Recurrence recurrence;
    private final Optional<LongToDoubleFunction> closedForm;

    // The factors after 0, INTERVAL, 2·INTERVAL … steps, as far as they were asked for.
    private double[] kept = {1};
    private int count = 1;

    // The step that was asked for last, and its factor.
    private long lastStep;
    private double lastRate = 1;

    private RecursiveSchedule(Recurrence recurrence, Optional<LongToDoubleFunction> closedForm) {
        this.recurrence = recurrence;
        this.closedForm = closedForm;
    }

    private static RecursiveSchedule of(Recurrence recurrence, LongToDoubleFunction closedForm) {
        return new RecursiveSchedule(recurrence, Optional.of(closedForm));
    }

    /** See {@link Schedule#step}. */
    static RecursiveSchedule step(long interval, double gamma) {
        return of(
                (rate, step) -> step > 1 && (step - 1) % interval == 0 ? rate * gamma : rate,
                step -> StrictMath.pow(gamma, (step - 1) / interval));
    }

    /** See {@link Schedule#multiStep}. */
    static RecursiveSchedule multiStep(double gamma, long[] milestones) {
        return of(
                (rate, step) ->
                        Arrays.binarySearch(milestones, step - 1) >= 0 ? rate * gamma : rate,
                step -> StrictMath.pow(gamma, Schedules.passed(milestones, step - 1)));
    }

    /** See {@link Schedule#constant(double, long)}. */
    static RecursiveSchedule constant(double factor, long steps) {
        double inverse = 1 / factor;
        return of(
                (rate, step) -> {
                    if (step == 1) {
                        return rate * factor;
                    }
                    return step - 1 == steps ? rate * inverse : rate;
                },
                step -> step <= steps ? factor : factor * inverse);
    }

    /** See {@link Schedule#linear}. */
    static RecursiveSchedule linear(double start, double end, long steps) {
        double rise = end - start;
        return of(
                (rate, step) -> {
                    if (step == 1) {
                        return rate * start;
                    }
                    if (step - 1 > steps) {
                        return rate;
                    }
                    double next = rate * (1 + rise / (steps * start + (step - 2) * rise));
                    // On the way to 0 rounding may leave less than that.
                    return Math.max(0, next);
                },
                step -> start + rise * Schedules.progress(step - 1, steps));
    }

    /** See {@link Schedule#exponential}. */
    static RecursiveSchedule exponential(double gamma) {
        return of(
                (rate, step) -> step > 1 ? rate * gamma : rate,
                step -> StrictMath.pow(gamma, step - 1));
    }

    /** See {@link Schedule#polynomial}, of which this is the one with a power of 1. */
    static RecursiveSchedule polynomial(long steps) {
        return of(
                (rate, step) ->
                        step > 1 && step - 1 <= steps
                                ? rate * (rest(step - 1, steps) / rest(step - 2, steps))
                                : rate,
                step -> rest(step - 1, steps));
    }

    private static double rest(long done, long all) {
        return 1 - Schedules.progress(done, all);
    }

    /** See {@link Schedule#multiplicative}. */
    static RecursiveSchedule multiplicative(LongToDoubleFunction multiplier) {
        return new RecursiveSchedule(
                (rate, step) -> step > 1 ? rate * multiplierAt(multiplier, step) : rate,
                Optional.empty());
    }

    private static double multiplierAt(LongToDoubleFunction multiplier, long step) {
        double value = multiplier.applyAsDouble(step);
        if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "multiplicative: multiplier must be finite and at least 0, but is "
                            + value
                            + " at step "
                            + step);
        }
        return value;
    }

    /** One that multiplies, at each step, by what each of the parts multiplies by, in turn. */
    static RecursiveSchedule chained(List<RecursiveSchedule> parts) {
        Recurrence turns =
                (rate, step) -> {
                    double next = rate;
                    for (var part : parts) {
                        next = part.recurrence.next(next, step);
                    }
                    return next;
                };
        if (parts.stream().anyMatch(part -> part.closedForm.isEmpty())) {
            return new RecursiveSchedule(turns, Optional.empty());
        }
        return of(turns, step -> Chained.product(parts, step));
    }

    @Override
    public double factor(long step) {
        Schedules.requireStep(step);
        return step > LAST && closedForm.isPresent()
                ? closedForm.get().applyAsDouble(step)
                : stepByStep(step);
    }

    private synchronized double stepByStep(long step) {
        int index = (int) Math.min(step / INTERVAL, count - 1);
        long from = (long) index * INTERVAL;
        double rate = kept[index];
        if (lastStep > from && lastStep <= step) {
            from = lastStep;
            rate = lastRate;
        }
        for (long next = from + 1; next <= step; next++) {
            rate = recurrence.next(rate, next);
            if (next == (long) count * INTERVAL) {
                keep(rate);
            }
        }
        lastStep = step;
        lastRate = rate;
        return rate;
    }

    private void keep(double rate) {
        if (count == kept.length) {
            kept = Arrays.copyOf(kept, 2 * count);
        }
        kept[count] = rate;
        count++;
    }
}
