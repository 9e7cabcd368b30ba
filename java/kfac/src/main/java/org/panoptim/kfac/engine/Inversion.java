package org.panoptim.kfac.engine;

import org.panoptim.matrix.InversionMethod;

/**
 * A wish for the inverse of a damped factor, {@code X ≈ (F + damping · I)⁻¹}.
 *
 * @param factor the factor's number
 * @param damping at least 0
 * @param method how to compute it
 */
public record Inversion(int factor, double damping, InversionMethod method) {}
