package org.panoptim.cli.train;

import org.panoptim.cli.run.Run;

import java.time.Duration;
import java.util.List;

/**
 * The result of training with an optimizer.
 *
 * @param choice the optimizer
 * @param seed what is random followed from it
 * @param curve the net at the start, after each epoch and at the end; one point at least
 * @param movements what some of the steps did to the net; none of an optimizer that does not say
 * @param steps how many steps it took
 * @param end how it ended
 * @param inOptimizer time in the optimizer's steps, zeroing of gradients included
 * @param medianStep the median of these steps, zero if there was none
 * @param total time from the first batch to the last evaluation
 */
public record Outcome(
        OptimizerChoice choice,
        long seed,
        List<Point> curve,
        List<Movement> movements,
        long steps,
        Run.End end,
        Duration inOptimizer,
        Duration medianStep,
        Duration total) {

    /**
     * How far a training had come.
     *
     * @param step steps taken
     * @param epoch epochs done; a fraction within one
     * @param seconds time since the first batch, without the evaluations
     */
    public record Moment(long step, double epoch, double seconds) {}

    /**
     * A point of the learning curves.
     *
     * @param at when
     * @param loss mean cross-entropy over all training examples
     * @param accuracy share of the held-out examples that were classified correctly
     */
    public record Point(Moment at, double loss, double accuracy) {}

    /**
     * What a step did.
     *
     * @param at when it was done
     * @param learningRate the rule's times the schedule's factor
     * @param gradientNorm the norm of all gradients together
     * @param updateRatio the norm of the change of all parameters by that of the parameters
     */
    public record Movement(
            Moment at, double learningRate, double gradientNorm, double updateRatio) {}

    /** Copies the lists. */
    public Outcome {
        curve = List.copyOf(curve);
        movements = List.copyOf(movements);
    }

    /** The last point. */
    public Point last() {
        return curve.getLast();
    }
}
