package org.panoptim.step;

import java.io.Serial;

/**
 * The loss that a closure returned, or a gradient that it left, was infinite or NaN, or the
 * direction that follows from them. The parameters are where the iteration began, and can be gone
 * on from: with a smaller learning rate, say.
 */
public final class NonFiniteLossException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /**
     * An exception for a point that was tried.
     *
     * @param loss the loss there
     * @param iteration the number of the iteration that would have gone on from there, from 1
     * @param t how much of the direction the point was away; 0 where the iteration begins
     */
    public NonFiniteLossException(double loss, long iteration, double t) {
        super(what(loss) + where(iteration, t));
    }

    private static String what(double loss) {
        return Double.isFinite(loss)
                ? "a gradient or the direction is infinite or NaN where the loss is " + loss
                : "the loss is " + loss;
    }

    private static String where(long iteration, double t) {
        return t == 0
                ? ", at the beginning of iteration " + iteration
                : ", %s times the direction from where iteration %d begins; the parameters are back there"
                        .formatted(t, iteration);
    }
}
