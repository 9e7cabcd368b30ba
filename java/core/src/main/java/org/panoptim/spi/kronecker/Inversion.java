package org.panoptim.spi.kronecker;

/**
 * A wish for the inverse of a damped factor, {@code X ≈ (F + damping · I)⁻¹}.
 *
 * @param factor the factor's number
 * @param damping at least 0
 * @param method how to compute it
 */
public record Inversion(int factor, double damping, Method method) {

    /** How an inverse is computed. */
    public sealed interface Method {}

    /**
     * From the Cholesky factorisation of the factor, scaled to a diagonal of ones.
     *
     * @param doublePrecision whether to compute in double; the result is rounded to float
     */
    public record Cholesky(boolean doublePrecision) implements Method {}

    /**
     * By Newton's iteration {@code X ← X (2I − B X)} from the inverse that is in use, scaled by
     * {@code 2 / (λmin + λmax)} of its product with the damped factor.
     *
     * @param lowestEigenvalue a bound from below of that product's eigenvalues, above 0
     * @param target the certified error to reach
     * @param iterations the most iterations to take
     */
    public record Newton(double lowestEigenvalue, double target, int iterations)
            implements Method {}
}
