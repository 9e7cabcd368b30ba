package org.panoptim.matrix;

/**
 * What came of an inversion.
 *
 * @param status whether there is a candidate
 * @param certifiedError a bound from above of {@code ‖I − B^½ X B^½‖₂} for the damped factor B and
 *     the symmetric candidate X as they are stored: for every vector v, {@code |vᵀ(X − B⁻¹)v| ≤
 *     error · vᵀB⁻¹v}. Infinite if there is no candidate. See {@link Certificate}.
 * @param relativeError a bound from above of the relative error of {@code Xv} for every vector v,
 *     each element measured in units of {@code 1/√B_ii}; likewise, and never below the former
 * @param condition an estimate of B's condition: {@code ‖B‖₁ ‖X‖₁}
 * @param iterations of Newton's method; else 0
 */
public record Inverted(
        Status status,
        double certifiedError,
        double relativeError,
        double condition,
        int iterations) {

    /** Whether there is a candidate. */
    public enum Status {
        /** There is one. */
        INVERTED,
        /** The factorisation met a pivot that is not above 0. */
        NOT_POSITIVE_DEFINITE,
        /** The factor or the result holds something that is not a finite number. */
        NOT_FINITE,
        /** Newton's method was refused or did not converge. */
        NOT_CONVERGED
    }

    /** No candidate. */
    public static Inverted failed(Status status) {
        double infinity = Double.POSITIVE_INFINITY;
        return new Inverted(status, infinity, infinity, infinity, 0);
    }
}
