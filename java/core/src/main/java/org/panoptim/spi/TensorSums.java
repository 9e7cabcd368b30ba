package org.panoptim.spi;

/**
 * What the statistics of the last step have found of a parameter. A sum is negative where there is
 * none: all of a parameter that had no gradient or was frozen, and those of the update where the
 * step was refused.
 *
 * @param updateSquares of new minus old values
 * @param valueSquares of the new values
 * @param gradientSquares of the gradient as it lay in memory
 * @param held elements that were held by a bound, of gradients or of the rule
 */
public record TensorSums(
        double updateSquares, double valueSquares, double gradientSquares, double held) {

    /** Of a parameter that took no part. */
    public static final TensorSums NONE = new TensorSums(-1, -1, -1, -1);

    /** Whether it had a gradient, and was not frozen. */
    public boolean hasGradient() {
        return !(gradientSquares < 0);
    }

    /** Whether it was updated. */
    public boolean isUpdated() {
        return !(updateSquares < 0);
    }

    /** Of a parameter whose gradient was measured, and the step refused. */
    public static TensorSums refused(double gradientSquares) {
        return new TensorSums(-1, -1, gradientSquares, -1);
    }
}
