package org.panoptim.backend;

import java.io.Serial;

/** A backend was asked for by name and does not work here. */
public final class BackendUnavailableException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception with this message. */
    public BackendUnavailableException(String message) {
        super(message);
    }
}
