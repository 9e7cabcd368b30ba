package org.panoptim.djl;

import ai.djl.training.tracker.Tracker;

import org.panoptim.schedule.Schedule;

import java.util.Objects;

/** DJL's trackers of the learning rate, for optimizers of this library. */
public final class Trackers {

    private Trackers() {}

    /**
     * A schedule with which a group has the learning rates of a tracker: step n, from 1, that of
     * {@code tracker.getNewValue(n)}, as DJL's optimizers ask it.
     *
     * <p>Groups with another learning rate have it in proportion.
     *
     * @param learningRate that of the rule, which the tracker's are divided by
     * @throws IllegalArgumentException if the learning rate is not finite and above 0
     */
    public static Schedule schedule(Tracker tracker, double learningRate) {
        Objects.requireNonNull(tracker, "tracker");
        if (!(learningRate > 0 && learningRate < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "the learning rate must be finite and above 0, but is " + learningRate);
        }
        return Schedule.of(step -> tracker.getNewValue(Math.toIntExact(step)) / learningRate);
    }
}
