package org.panoptim.spi;

import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * A transform with a life of its own: it knows the optimizer's groups, can queue its work on a
 * device instead of waiting for it, and keeps states that belong into the optimizer's checkpoint.
 *
 * <p>It belongs to one optimizer.
 */
public interface CurvatureTransform extends GradientTransform {

    /**
     * Checks a plan: before the optimizer is built and before each change of groups or
     * hyper-parameters.
     *
     * @throws IllegalArgumentException if it cannot work with it; nothing is changed
     * @throws IllegalStateException if another optimizer has it already
     */
    void check(StepPlan plan);

    /**
     * Follows a plan that was checked; the optimizer exists now.
     *
     * @param execution what it may ask for the loss scale and {@link Execution#deviceStep}
     */
    void follow(StepPlan plan, Execution execution);

    /** Ends its bond to the optimizer, which is about to be closed. */
    void release();

    /** Whether it queues its work behind an execution's steps, through {@link #enqueue}. */
    boolean queuesOn(Execution execution);

    /**
     * Queues what {@link #transform} does, behind the step's decision. What it throws reaches the
     * caller of {@link org.panoptim.Optimizer#step}, and the step is not taken.
     */
    void enqueue(DeviceStep step);

    /**
     * The parameters of whose gradients one member of a team needs all; it gets these gradients
     * from all members, and no others. Each parameter comes once. Empty, as it is by default: it
     * does not go with a team. One that needs none has the same states and metadata on all members.
     */
    default Optional<List<WholeParameters>> wholeParameters() {
        return Optional.empty();
    }

    /**
     * All that it was told, by names in plain English, as members of a team compare it before their
     * first step.
     */
    default SequencedMap<String, String> settings() {
        return Collections.emptySortedMap();
    }

    /**
     * A micro-batch of a team ends: what it was shown since the last one belongs to it. Whatever it
     * adds up over micro-batches must not depend on which member has which.
     *
     * @param leaves this member's micro-batches of a step
     */
    default void endLeaf(int leaves) {}

    /**
     * A pass has used up the gradients of a team's micro-batches, and others come before the step.
     * What it was shown with them waits for the step.
     */
    default void gradientsUsed() {}

    /**
     * Drops what it was shown for the coming step, by this member of a team alone: its
     * micro-batches are begun anew.
     */
    default void discard() {}

    /**
     * All members of a team are ready for the coming step, and it may share what it was shown of
     * the micro-batches. It may then hand parameters curvature that is the same on all members, of
     * which no mean is taken.
     *
     * @param leaves this member's micro-batches of a step
     * @return whether it has
     * @throws org.panoptim.shard.TeamException if another member failed, is gone or did not answer
     *     in time
     */
    default boolean gather(int leaves) {
        return false;
    }

    /**
     * What it says of itself in a checkpoint, beside its states; waits for running work. A member
     * of a team leaves out what only another one knows; what two of them say is the same.
     */
    Map<String, String> metadata();

    /**
     * The tensors that it keeps, to be read and set; waits for running work. Of one that needs
     * parameters whole, a member of a team has all of a state, and the others have a tensor without
     * elements in its place; of another all have the same.
     */
    List<StateTensor> states();

    /** The shapes of {@link #states}, in their order, where all of them are. */
    default List<Shape> stateShapes() {
        return states().stream().map(StateTensor::shape).toList();
    }

    /**
     * Checks a checkpoint's metadata.
     *
     * @throws IllegalArgumentException if it does not fit, with the reason; nothing is changed
     */
    void checkMetadata(Map<String, String> metadata);

    /**
     * Takes up metadata that was checked, of all members of a team; the states are set afterwards.
     */
    void restore(Map<String, String> metadata);
}
