package org.panoptim.schedule;

import java.util.Map;
import java.util.function.LongToDoubleFunction;

/**
 * How the learning rate, and with one-cycle the momentum, change from step to step.
 *
 * <p>Steps are counted from 1 and only when accepted: {@code factor(1)} is for the first. The
 * factor multiplies every group's learning rate. A pure schedule needs no more than the step; one
 * that remembers (reduce on plateau) tells its state, so that a checkpoint can carry it.
 *
 * <p>A schedule that needs only the step can be given to any number of optimizers; one that
 * remembers belongs to one optimizer at a time, which {@link #attach} and {@link #detach} tell.
 *
 * <p>Transcendental functions come from {@link StrictMath}, so that every machine sees the same
 * bits.
 */
public interface Schedule {

    /**
     * The factor of the learning rate.
     *
     * @param step the step to be taken, from 1
     * @return finite, at least 0
     */
    double factor(long step);

    /**
     * The momentum (SGD) or beta1 (the others), in [0, 1), or NaN to leave the rule's own.
     *
     * @param step the step to be taken, from 1
     */
    default double momentum(long step) {
        return Double.NaN;
    }

    /** What the schedule remembers, by name; empty if the step is all it needs. */
    default Map<String, Double> state() {
        return Map.of();
    }

    /**
     * Takes back what {@link #state()} told.
     *
     * @throws IllegalArgumentException if names or values are not this schedule's; nothing is
     *     changed
     */
    default void restore(Map<String, Double> state) {
        if (!state.isEmpty()) {
            throw new IllegalArgumentException(
                    "this schedule keeps no state, but was given " + state);
        }
    }

    /**
     * Called when an optimizer that follows this schedule is built; does nothing by default. A
     * schedule that remembers refuses a second optimizer: what one of them observes or loads would
     * change the rates of the other.
     *
     * @throws IllegalStateException if another optimizer has it; nothing is changed
     */
    default void attach() {}

    /** Called when that optimizer is closed; does nothing by default. */
    default void detach() {}

    /** The rule's own learning rate, always. */
    static Schedule constant() {
        return of(_ -> 1);
    }

    /** Any function of the step, counted from 1. */
    static Schedule of(LongToDoubleFunction factor) {
        return factor::applyAsDouble;
    }

    /**
     * Multiplies by {@code gamma} after every {@code interval} steps (PyTorch's StepLR).
     *
     * @param interval at least 1
     */
    static Schedule step(long interval, double gamma) {
        Schedules.atLeastOne("step", "interval", interval);
        Schedules.nonNegative("step", "gamma", gamma);
        return step -> StrictMath.pow(gamma, (step - 1) / interval);
    }

    /**
     * Half a cosine from 1 at the first step to {@code floor} after {@code steps} (PyTorch's
     * CosineAnnealingLR), and {@code floor} from then on.
     *
     * @param steps at least 1
     */
    static Schedule cosine(long steps, double floor) {
        Schedules.atLeastOne("cosine", "steps", steps);
        Schedules.nonNegative("cosine", "floor", floor);
        return step -> Schedules.cosine(1, floor, Schedules.progress(step - 1, steps));
    }

    /** As {@link #cosine(long, double)}, down to 0. */
    static Schedule cosine(long steps) {
        return cosine(steps, 0);
    }

    /**
     * A straight line up: {@code step / steps}, and 1 from there on.
     *
     * @param steps at least 1
     */
    static Schedule linearWarmup(long steps) {
        Schedules.atLeastOne("linearWarmup", "steps", steps);
        return step -> Schedules.progress(step, steps);
    }

    /**
     * A straight line up over {@code warmup} steps, then half a cosine that reaches 0 at step
     * {@code total}.
     *
     * @param warmup at least 0
     * @param total above {@code warmup}
     */
    static Schedule warmupCosine(long warmup, long total) {
        if (warmup < 0 || total <= warmup) {
            throw new IllegalArgumentException(
                    "warmupCosine: needs 0 <= warmup < total, but warmup is "
                            + warmup
                            + " and total "
                            + total);
        }
        return step ->
                step <= warmup
                        ? Schedules.progress(step, warmup)
                        : Schedules.cosine(1, 0, Schedules.progress(step - warmup, total - warmup));
    }

    /**
     * One cycle up and down, with momentum going the other way; PyTorch's OneCycleLR with its
     * defaults. The groups' learning rates are the peaks.
     *
     * @param total all steps of the training, at least 2
     */
    static Schedule oneCycle(long total) {
        return OneCycle.defaults(total);
    }

    /** Multiplies by a tenth when a metric that should fall has stopped falling. */
    static ReduceOnPlateau reduceOnPlateau() {
        return ReduceOnPlateau.defaults();
    }
}
