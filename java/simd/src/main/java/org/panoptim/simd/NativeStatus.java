package org.panoptim.simd;

import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_ERROR_RANGE;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_ERROR_RULE;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_ERROR_TIER;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_ERROR_TYPE;
import static org.panoptim.simd.bindings.LibPanoptim.PANOPTIM_OK;

/** Turns the library's status codes into exceptions that name the call. */
final class NativeStatus {

    private NativeStatus() {}

    /**
     * Passes if the call succeeded.
     *
     * @throws IllegalStateException if it did not: these codes mean tables that do not fit each
     *     other, a defect of this backend
     */
    static void check(int status, String call) {
        if (status != PANOPTIM_OK()) {
            throw new IllegalStateException(
                    call
                            + " returned "
                            + status
                            + " ("
                            + meaning(status)
                            + "); please report this");
        }
    }

    private static String meaning(int status) {
        if (status == PANOPTIM_ERROR_TIER()) {
            return "unknown or unusable tier";
        } else if (status == PANOPTIM_ERROR_RULE()) {
            return "unknown rule";
        } else if (status == PANOPTIM_ERROR_TYPE()) {
            return "element types that no kernel was built for";
        } else if (status == PANOPTIM_ERROR_RANGE()) {
            return "index out of range";
        }
        return "unknown status";
    }
}
