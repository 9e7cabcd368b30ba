package org.panoptim.internal.lbfgs;

/**
 * A point along the direction whose loss and gradient are known. Two are the same only if they are
 * the same object: a loss may be another one each time it is asked for.
 *
 * @param t how much of the direction it is away
 * @param loss the loss there
 * @param measures what is known of the gradient there
 */
record Trial(double t, double loss, Measures measures) {

    double slope() {
        return measures.slope();
    }
}
