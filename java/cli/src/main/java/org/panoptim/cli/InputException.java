package org.panoptim.cli;

import java.io.Serial;

/** The user's arguments or input cannot be used; exit status 2. */
public final class InputException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception with this message, one line that says what and where. */
    public InputException(String message) {
        super(message);
    }

    /** As above, with its cause. */
    public InputException(String message, Throwable cause) {
        super(message, cause);
    }
}
