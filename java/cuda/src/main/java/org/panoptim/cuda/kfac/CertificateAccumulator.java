package org.panoptim.cuda.kfac;

import org.panoptim.abi.bindings.panoptim_kfac_certified;
import org.panoptim.matrix.Certificate;
import org.panoptim.matrix.Inverted;

import java.lang.foreign.MemorySegment;

/**
 * Accumulates the sums that the device computes of a matrix, 64 rows at a time, into its
 * certificate.
 */
final class CertificateAccumulator {

    private final double[] once = new double[Certificate.PROBES];
    private final double[] twice = new double[Certificate.PROBES];
    private double factorSquare;
    private double inverseSquare;
    private double factorRow;
    private double inverseRow;

    /** Adds the {@code panoptim_kfac_certified} of the next rows. */
    void add(MemorySegment rows) {
        for (int i = 0; i < Certificate.PROBES; i++) {
            once[i] += panoptim_kfac_certified.once(rows, i);
            twice[i] += panoptim_kfac_certified.twice(rows, i);
        }
        factorSquare += panoptim_kfac_certified.factor_square(rows);
        inverseSquare += panoptim_kfac_certified.inverse_square(rows);
        factorRow = Math.max(factorRow, panoptim_kfac_certified.factor_row(rows));
        inverseRow = Math.max(inverseRow, panoptim_kfac_certified.inverse_row(rows));
    }

    /**
     * The certified result.
     *
     * @param size of the matrix
     * @param status of the factorisation
     * @param largestProbe {@code max ‖ω‖₂}
     */
    Inverted result(int size, Inverted.Status status, double largestProbe, int iterations) {
        if (!Double.isFinite(factorRow)) {
            return Inverted.failed(Inverted.Status.NOT_FINITE);
        }
        if (status != Inverted.Status.INVERTED) {
            return Inverted.failed(status);
        }
        if (!Double.isFinite(inverseRow)) {
            return Inverted.failed(Inverted.Status.NOT_FINITE);
        }
        var bounds =
                Certificate.bounds(
                        size,
                        largestProbe,
                        longest(once),
                        longest(twice),
                        Math.sqrt(factorSquare),
                        Math.sqrt(inverseSquare));
        return new Inverted(
                status, bounds.ownNorm(), bounds.relative(), factorRow * inverseRow, iterations);
    }

    private static double longest(double[] squares) {
        double longest = 0;
        for (double square : squares) {
            longest = Math.max(longest, Math.sqrt(square));
        }
        return longest;
    }
}
