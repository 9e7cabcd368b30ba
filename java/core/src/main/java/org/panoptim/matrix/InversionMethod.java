package org.panoptim.matrix;

/** How the inverse of a damped symmetric matrix is computed. */
public sealed interface InversionMethod {

    /**
     * From the Cholesky factorisation of the matrix, scaled to a diagonal of ones.
     *
     * @param doublePrecision whether to compute in double; the result is rounded to float
     */
    record Cholesky(boolean doublePrecision) implements InversionMethod {}

    /**
     * By Newton's iteration {@code X ← X (2I − B X)} from the inverse that is in use, scaled by
     * {@code 2 / (λmin + λmax)} of its product with the damped matrix.
     *
     * @param lowestEigenvalue a bound from below of that product's eigenvalues, above 0
     * @param target the certified error to reach
     * @param iterations the most iterations to take
     */
    record Newton(double lowestEigenvalue, double target, int iterations)
            implements InversionMethod {}
}
