package org.panoptim.kfac;

import org.panoptim.matrix.Certificate;

/**
 * What came of a factor's inversion.
 *
 * @param layer the layer's name
 * @param side whose second moment it is
 * @param size n of the n × n factor
 * @param condition an estimate of the damped factor's condition, {@code ‖B‖₁ ‖X‖₁}; infinite if
 *     there is no new inverse
 * @param certifiedError a bound from above of the relative error of what the inverse is multiplied
 *     by, wrong with a probability of 10⁻¹⁰ ({@link Certificate} says how): for the damped factor
 *     B, its inverse X as it is used, D the diagonal matrix of {@code 1/√B_ii} and every vector v,
 *     {@code |D⁻¹(X − B⁻¹)v| ≤ error · |D⁻¹B⁻¹v|}. It bounds {@code ‖I − B^½ X B^½‖₂} too. Infinite
 *     if there is no new inverse
 * @param damping what was added to the diagonal; 0 if there is no new inverse
 * @param newtonIterations iterations of Newton's method; 0 if the inverse is not from it
 * @param fallback what had to be done
 * @param staleRefreshes refreshes since the inverse in use was computed; 0: it is new
 */
public record FactorReport(
        String layer,
        Side side,
        int size,
        double condition,
        double certifiedError,
        double damping,
        int newtonIterations,
        Fallback fallback,
        int staleRefreshes) {

    /** Whose second moment a factor is. */
    public enum Side {
        /** The layer's inputs. */
        INPUTS,
        /** The gradients at the layer's outputs. */
        OUTPUT_GRADIENTS
    }
}
