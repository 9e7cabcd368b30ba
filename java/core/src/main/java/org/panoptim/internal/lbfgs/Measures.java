package org.panoptim.internal.lbfgs;

/**
 * What is known of the gradient at a point.
 *
 * @param slope the derivative along the direction
 * @param norm the sum of the elements' sizes; finite if all of them are
 * @param flat whether no element is beyond the tolerance
 */
record Measures(double slope, double norm, boolean flat) {

    boolean areFinite() {
        return Double.isFinite(slope) && Double.isFinite(norm);
    }
}
