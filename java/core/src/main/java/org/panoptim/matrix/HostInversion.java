package org.panoptim.matrix;

import java.lang.foreign.MemorySegment;

/** Inverses of damped symmetric matrices in host memory, each with a certified error. */
public final class HostInversion {

    private HostInversion() {}

    /**
     * Computes {@code X ≈ (F + damping · I)⁻¹}.
     *
     * @param n rows and columns of the matrices
     * @param matrix F, symmetric
     * @param damping at least 0
     * @param inUse the inverse that Newton's iteration starts from; else not read
     * @param candidate where X goes, exactly symmetric; without meaning unless the result's status
     *     is {@code INVERTED}
     */
    public static Inverted invert(
            HostAlgebra algebra,
            int n,
            MemorySegment matrix,
            double damping,
            InversionMethod method,
            MemorySegment inUse,
            MemorySegment candidate) {
        try (var check = new HostCheck(algebra, n, matrix, damping)) {
            if (!check.usable()) {
                return Inverted.failed(Inverted.Status.NOT_FINITE);
            }
            return switch (method) {
                case InversionMethod.Cholesky cholesky -> {
                    var status =
                            algebra.invert(
                                    n, matrix, damping, cholesky.doublePrecision(), candidate);
                    yield status == Inverted.Status.INVERTED
                            ? check.certify(candidate, 0)
                            : Inverted.failed(status);
                }
                case InversionMethod.Newton newton ->
                        new HostNewton(algebra, n, matrix, damping, check)
                                .run(newton, inUse, candidate);
            };
        }
    }
}
