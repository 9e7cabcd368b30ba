package org.panoptim.spi;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.CapturedStep;
import org.panoptim.tensor.StateTensor;

import java.util.Map;
import java.util.Optional;

/**
 * One optimizer's step on a backend: its tables, states and counts.
 *
 * <p>The optimizer calls it from one thread at a time and has checked what does not depend on the
 * backend: names, overlaps, open arenas.
 *
 * <p>{@link StepProgram} says what a step is. A device runs it asynchronously; only {@link
 * #outcome()}, {@link #count} and reading a state wait.
 *
 * <p>A call that throws has changed nothing, unless it throws {@link PartialChangeException}; then
 * the optimizer only closes it.
 */
public interface Execution extends AutoCloseable {

    /**
     * Follows a new plan: groups added at the end, frozen or thawed, or with other
     * hyper-parameters. States and counts of parameters that stay are kept; those of new ones begin
     * as their rule says, and counts at zero.
     *
     * @throws UnsupportedPlanException if this backend cannot run it, with the reason; nothing is
     *     changed
     */
    void configure(StepPlan plan);

    /**
     * Takes up which gradients and curvatures the parameters hold. Called before the first step,
     * capture or zeroing, and again before the next one once any was set or taken away, the plan
     * was changed or other arenas are needed.
     *
     * @param arenas those of all memory that the coming calls use: of a step, or of a pass that
     *     reads no gradient, if the arena of a gradient is closed. Another thread may close one of
     *     them at any time; none may be used after that.
     * @throws UnsupportedPlanException if this backend cannot use one, with the reason; it is then
     *     called again before the next step
     */
    void bind(ArenaSet arenas);

    /**
     * Takes a step.
     *
     * @param before run when the schedule has been asked, and all else that refuses a step before
     *     anything is done
     * @throws org.panoptim.step.NonFiniteGradientException under the policy {@code FAIL}
     */
    void step(BeforeStep before);

    /**
     * Runs a named pass of the rules that have one of that name, over the groups that are not
     * frozen. Counts, step, loss scale and schedule stay as they are.
     *
     * @param owner whose step and loss scale hold: this, or the execution of the same backend that
     *     this one accompanies
     */
    void run(String pass, Execution owner);

    /** Sets every gradient present to zero. */
    void zeroGradients();

    /**
     * What came of the last step; before the first, the counters at their start.
     *
     * @throws org.panoptim.step.NonFiniteGradientException on a device, under the policy {@code
     *     FAIL}, if a step was refused that nobody was told of yet
     */
    Outcome outcome();

    /** As {@link #outcome()}, for who only looks on: tells nobody of steps that were refused. */
    default Outcome observed() {
        return outcome();
    }

    /** What statistics have found in the last step; on a device this waits for it. */
    StepSums sums();

    /** The number of steps that a parameter has taken. */
    long count(Parameter parameter);

    /** A state of a parameter, by its place in the rule's slots. */
    StateTensor state(Parameter parameter, int slot);

    /**
     * A state that a group's rule keeps for itself.
     *
     * @param group the group's name
     * @param slot its place in the rule's slots
     */
    StateTensor ruleState(String group, int slot);

    /** The memory of a state of a parameter that has a value for each element. */
    Memory memory(Parameter parameter, int slot);

    /**
     * The memory of a state that a group's rule keeps for itself: one float64.
     *
     * @param group the group's name
     */
    Memory ruleMemory(String group, int slot);

    /** Sets counters and counts, as after a checkpoint. */
    void restore(Counters counters, Map<Parameter, Long> counts);

    /**
     * Records a step for a device to repeat.
     *
     * @throws UnsupportedPlanException if this backend cannot, with the reason
     */
    CapturedStep capture();

    /**
     * Whether steps are recorded for later now, since a framework captures a device's stream; then
     * no {@link #outcome} can be asked for.
     */
    default boolean isCapturing() {
        return false;
    }

    /** Where a device keeps what it knows of its steps; none on the host. */
    default Optional<DeviceStep> deviceStep() {
        return Optional.empty();
    }

    /**
     * Adds up and moves gradients, curvature and values between the members of the plan's team;
     * none where they lie in the host's memory, from which the optimizer moves them.
     */
    default Optional<ShareTransfer> shareTransfer() {
        return Optional.empty();
    }

    /** Frees tables and states; waits for running work. */
    @Override
    void close();
}
