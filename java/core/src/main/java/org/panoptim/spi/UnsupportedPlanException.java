package org.panoptim.spi;

import java.io.Serial;

/** A backend cannot run what it was asked to, and says why. */
public final class UnsupportedPlanException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception of this backend for this reason. */
    public UnsupportedPlanException(String backend, String reason) {
        super("backend " + backend + ": " + reason);
    }
}
