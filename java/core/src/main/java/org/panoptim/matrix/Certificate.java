package org.panoptim.matrix;

import java.util.Random;

/**
 * How the error of an inverse is bounded from above.
 *
 * <p>Let B = F + δI be the damped factor, X the symmetric candidate, D the diagonal matrix of
 * {@code 1/√(F_ii + δ)}, and {@code E = I − D⁻¹ X B D}, which is similar to {@code I − B^½ X B^½};
 * that matrix is symmetric, so its norm is its spectral radius ρ(E). For r independent Gaussian
 * vectors ω, {@code ‖M‖₂ ≤ 10 √(2/π) max ‖Mω‖₂} with a probability of at least {@code 1 − 10⁻ʳ}
 * (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011, lemma
 * 4.1). It is applied to E, and to E², since {@code ρ(E)² ≤ ‖E²‖₂}: the root makes less of the
 * factor in the bound and of E's not being normal. The smaller one counts.
 *
 * <p>That norm is B's own, in which an error counts little where B is small and X large. What X is
 * multiplied by need not lie there, so that its product can be off by the root of B's condition
 * times as much. {@code ‖E‖₂} says how far: for every v, {@code |D⁻¹(X − B⁻¹)v| ≤ ‖E‖₂ |D⁻¹B⁻¹v|}.
 * So there are two bounds, of ρ(E) and of ‖E‖₂, of which the former is never the larger.
 *
 * <p>Products are computed in double, in sums of 64 that are then added, from F and X as they are
 * stored, and a bound of their rounding is added.
 */
public final class Certificate {

    /** The number r of Gaussian vectors: a bound is wrong with a probability of 10⁻¹⁰. */
    public static final int PROBES = 10;

    /** How many products are summed before the sums are. */
    public static final int BLOCK = 64;

    /** {@code 10 √(2/π)}. */
    public static final double FACTOR = 10 * StrictMath.sqrt(2 / StrictMath.PI);

    private static final long SEED = 0x9E3779B97F4A7C15L;
    private static final double UNIT = 0x1p-53;

    private Certificate() {}

    /**
     * The Gaussian vectors, the same at every call: n rows of {@link #PROBES} numbers, and a longer
     * table begins with the shorter one.
     */
    public static double[] probes(int n) {
        var random = new Random(SEED);
        var probes = new double[n * PROBES];
        for (int i = 0; i < probes.length; i++) {
            probes[i] = random.nextGaussian();
        }
        return probes;
    }

    /**
     * Both bounds; infinity where what they were computed from is not finite.
     *
     * @param ownNorm of the error in the norm of the factor
     * @param relative of the relative error of a product
     */
    public record Bounds(double ownNorm, double relative) {}

    /**
     * The bounds of the error.
     *
     * @param n the factor's size
     * @param probe {@code max ‖ω‖₂}
     * @param once {@code max ‖Eω‖₂}
     * @param twice {@code max ‖E(Eω)‖₂}
     * @param factorNorm the Frobenius norm of D B D
     * @param inverseNorm the Frobenius norm of D⁻¹ X D⁻¹
     */
    public static Bounds bounds(
            int n, double probe, double once, double twice, double factorNorm, double inverseNorm) {
        // Two products of sums of 64 and of n/64 such sums, and a few operations beside them.
        double operations = 2 * (BLOCK + Math.ceilDiv(n, BLOCK)) + 8;
        double rounding = operations * UNIT * factorNorm * inverseNorm;
        double norm = FACTOR * (once + rounding * probe);
        // What rounding did to Eω is multiplied by E, too.
        double ofSquare = FACTOR * (twice + rounding * once + norm * rounding * probe);
        return new Bounds(orInfinity(Math.min(norm, Math.sqrt(ofSquare))), orInfinity(norm));
    }

    private static double orInfinity(double bound) {
        return bound >= 0 ? bound : Double.POSITIVE_INFINITY;
    }
}
