package org.panoptim.schedule;

import org.panoptim.internal.Arguments;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongToDoubleFunction;

/**
 * How the learning rate, and with one-cycle and cyclic schedules the momentum, change from step to
 * step.
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
 *
 * <p>Where a method names a class of PyTorch, {@code factor(n)} is the learning rate that this
 * class has set, for one of 1, when its {@code step()} was called n − 1 times:
 *
 * <ul>
 *   <li>Where PyTorch multiplies the rate of the step before, so does the schedule, beginning with
 *       step 1, and its factors are equal to PyTorch's rates in every bit, as those of a closed
 *       form are not: {@link #step}, {@link #multiStep}, {@link #constant(double, long)}, {@link
 *       #linear}, {@link #exponential}, {@link #polynomial} with a power of 1, {@link
 *       #multiplicative}, and {@link #chained} with nothing but these. They depend on the step
 *       alone like others, and have no state. The first call for step n multiplies up to n times;
 *       beyond step 2²⁴ they take the closed form ({@code multiplicative} has none).
 *   <li>Others that only add, subtract, multiply and divide are equal to PyTorch in every bit, too.
 *   <li>Where a power or a cosine occurs, it is PyTorch's closed form, with functions of {@link
 *       StrictMath} where those are the C library's: within 4 units in the last place or, where 1
 *       and a cosine cancel, 2⁻⁵³. PolynomialLR and CosineAnnealingLR multiply the rate of the step
 *       before, too, and are further from their closed forms by what they round at each step.
 * </ul>
 *
 * <p>An optimizer multiplies a group's learning rate by the factor, once. PyTorch begins its
 * multiplications with the learning rate: unless that is a power of two, it rounds otherwise.
 */
public interface Schedule {

    /**
     * The factor of the learning rate.
     *
     * @param step the step to be taken, from 1
     * @return finite, at least 0
     * @throws IllegalArgumentException if the step is below 1; of every schedule of this package
     */
    double factor(long step);

    /**
     * The momentum (SGD) or beta1 (the others), in [0, 1), or NaN to leave the rule's own. A step
     * whose momentum a group's rule does not have is refused, and nothing is changed.
     *
     * @param step the step to be taken, from 1
     * @throws IllegalArgumentException if the step is below 1; of every schedule of this package
     *     that sets a momentum
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
        Objects.requireNonNull(state, "state");
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

    /**
     * A smaller rate for the first steps, and the rule's own from then on (PyTorch's ConstantLR).
     *
     * <p>The factor is multiplied by {@code 1 / factor} then, as in PyTorch, which is 1 up to a
     * rounding.
     *
     * @param factor of the first steps, in (0, 1]
     * @param steps how many steps have it, at least 1
     */
    static Schedule constant(double factor, long steps) {
        Schedules.positiveFraction("constant", "factor", factor);
        Schedules.atLeastOne("constant", "steps", steps);
        return RecursiveSchedule.constant(factor, steps);
    }

    /** Any function of the step, counted from 1 (PyTorch's LambdaLR counts from 0). */
    static Schedule of(LongToDoubleFunction factor) {
        Objects.requireNonNull(factor, "factor");
        return step -> {
            Schedules.requireStep(step);
            return factor.applyAsDouble(step);
        };
    }

    /**
     * Multiplies by {@code gamma} after every {@code interval} steps (PyTorch's StepLR).
     *
     * @param interval at least 1
     */
    static Schedule step(long interval, double gamma) {
        Schedules.atLeastOne("step", "interval", interval);
        Schedules.nonNegative("step", "gamma", gamma);
        return RecursiveSchedule.step(interval, gamma);
    }

    /**
     * Multiplies by {@code gamma} after each of some numbers of steps (PyTorch's MultiStepLR).
     *
     * @param gamma finite, at least 0
     * @param milestones at least 1 and rising: step {@code milestone + 1} is the first that is
     *     multiplied. PyTorch multiplies several times at a milestone that is named several times;
     *     here that is refused
     */
    static Schedule multiStep(double gamma, long... milestones) {
        Schedules.nonNegative("multiStep", "gamma", gamma);
        Objects.requireNonNull(milestones, "milestones");
        Schedules.requireMilestones("multiStep", milestones);
        return RecursiveSchedule.multiStep(gamma, milestones.clone());
    }

    /**
     * Multiplies by {@code gamma} after every step (PyTorch's ExponentialLR).
     *
     * @param gamma finite, at least 0
     */
    static Schedule exponential(double gamma) {
        Schedules.nonNegative("exponential", "gamma", gamma);
        return RecursiveSchedule.exponential(gamma);
    }

    /**
     * A straight line from {@code start} at the first step to {@code end} after {@code steps}
     * (PyTorch's LinearLR); the last factor is kept.
     *
     * <p>The last factor is {@code end} up to rounding, since it is a product. With an end of 0
     * rounding may take PyTorch's rate below 0; here it is 0 then.
     *
     * @param start in (0, 1]
     * @param end in [0, 1]
     * @param steps at least 1
     */
    static Schedule linear(double start, double end, long steps) {
        Schedules.positiveFraction("linear", "start", start);
        Schedules.fraction("linear", "end", end);
        Schedules.atLeastOne("linear", "steps", steps);
        return RecursiveSchedule.linear(start, end, steps);
    }

    /**
     * A power of a straight line from 1 at the first step to 0 after {@code steps} (PyTorch's
     * PolynomialLR), and 0 from then on.
     *
     * @param steps at least 1
     * @param power finite, above 0. With 1, PyTorch's default, the factors are PyTorch's in every
     *     bit, with another those of its closed form
     */
    static Schedule polynomial(long steps, double power) {
        Schedules.atLeastOne("polynomial", "steps", steps);
        Schedules.positive("polynomial", "power", power);
        return power == 1
                ? RecursiveSchedule.polynomial(steps)
                : of(step -> StrictMath.pow(1 - Schedules.progress(step - 1, steps), power));
    }

    /**
     * Multiplies at each step but the first by what a function says of it (PyTorch's
     * MultiplicativeLR, whose function is told {@code step - 1}).
     *
     * @param multiplier of a step, from 2 on; finite, at least 0. It must depend on the step alone:
     *     it is called several times for a step, and anew for all steps so far in a training that a
     *     checkpoint resumes
     */
    static Schedule multiplicative(LongToDoubleFunction multiplier) {
        return RecursiveSchedule.multiplicative(Objects.requireNonNull(multiplier, "multiplier"));
    }

    /**
     * Half a cosine from 1 at the first step to {@code floor} after {@code steps} (PyTorch's
     * CosineAnnealingLR, which rises again then), and {@code floor} from then on.
     *
     * @param steps at least 1
     */
    static Schedule cosine(long steps, double floor) {
        Schedules.atLeastOne("cosine", "steps", steps);
        Schedules.nonNegative("cosine", "floor", floor);
        return of(step -> Schedules.annealing(step - 1, steps, floor));
    }

    /** As {@link #cosine(long, double)}, down to 0. */
    static Schedule cosine(long steps) {
        return cosine(steps, 0);
    }

    /**
     * Half a cosine from 1 towards {@code floor}, over and over (PyTorch's
     * CosineAnnealingWarmRestarts; Loshchilov and Hutter, SGDR, 2017). Step {@code period + 1} is
     * the first after a restart, at 1 again.
     *
     * @param period steps of the first cycle (T_0), at least 1
     * @param multiplier a cycle has so many times the steps of that before it (T_mult), at least 1
     * @param floor a factor of the learning rate (eta_min), finite, at least 0
     */
    static Schedule cosineWarmRestarts(long period, long multiplier, double floor) {
        Schedules.atLeastOne("cosineWarmRestarts", "period", period);
        Schedules.atLeastOne("cosineWarmRestarts", "multiplier", multiplier);
        Schedules.nonNegative("cosineWarmRestarts", "floor", floor);
        return of(step -> Schedules.restartingAnnealing(step - 1, period, multiplier, floor));
    }

    /**
     * A straight line up: {@code step / steps}, and 1 from there on.
     *
     * @param steps at least 1
     */
    static Schedule linearWarmup(long steps) {
        Schedules.atLeastOne("linearWarmup", "steps", steps);
        return of(step -> Schedules.progress(step, steps));
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
        return of(
                step ->
                        step <= warmup
                                ? Schedules.progress(step, warmup)
                                : Schedules.cosine(
                                        1, 0, Schedules.progress(step - warmup, total - warmup)));
    }

    /**
     * A straight line up over {@code warmup} steps, the learning rate itself over {@code stable}
     * steps, and a decay to 0 over {@code decay} steps (WSD). {@link WarmupStableDecay#withFloor}
     * ends it above 0.
     *
     * @param warmup at least 0
     * @param stable at least 0
     * @param decay at least 1
     */
    static WarmupStableDecay warmupStableDecay(
            long warmup, long stable, long decay, WarmupStableDecay.Shape shape) {
        return new WarmupStableDecay(warmup, stable, decay, shape, 0);
    }

    /**
     * Straight lines up and down between two bounds, over and over (PyTorch's CyclicLR in mode
     * {@code triangular}). {@link Cyclic} has the other modes, and the momentum, which it leaves
     * alone.
     *
     * @param base the lower bound (base_lr), a factor of the learning rate, finite, at least 0
     * @param max the upper bound (max_lr), a factor of the learning rate, finite, at least {@code
     *     base}
     * @param steps steps up, and as many down, at least 1
     */
    static Cyclic cyclic(double base, double max, long steps) {
        return new Cyclic(
                base, max, steps, steps, Cyclic.Mode.TRIANGULAR, 1, Double.NaN, Double.NaN);
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

    /**
     * Schedules one after the other (PyTorch's SequentialLR), each with steps that begin at 1.
     *
     * <p>The momentum is that of the schedule whose turn it is. Unlike PyTorch's it takes schedules
     * that remember, such as {@link ReduceOnPlateau}: a checkpoint has their states. Each of those
     * can be there once. PyTorch's MultiplicativeLR goes on from the rate before the milestone;
     * here every schedule begins with the learning rate.
     *
     * @param schedules at least one
     * @param milestones at least 1 and rising, one fewer than the schedules: step {@code milestone
     *     + 1} is the first of the next schedule
     */
    static Schedule sequential(List<? extends Schedule> schedules, long... milestones) {
        Objects.requireNonNull(milestones, "milestones");
        return new Sequential(Arguments.copyOf(schedules, "schedules"), milestones.clone());
    }

    /**
     * The product of schedules (PyTorch's ChainedScheduler).
     *
     * <p>Where all of them multiply the rate of the step before, they take turns at each step, as
     * in PyTorch. Otherwise their factors are multiplied, from left to right; PyTorch's result is
     * another one there, if a schedule sets the rate and does not multiply it. The momentum is that
     * of the last schedule that sets one. Unlike PyTorch's it takes schedules that remember, such
     * as {@link ReduceOnPlateau}: a checkpoint has their states. Each of those can be there once.
     *
     * @param schedules at least one
     */
    static Schedule chained(Schedule... schedules) {
        return Chained.of(Arguments.copyOf(schedules, "schedules"));
    }
}
