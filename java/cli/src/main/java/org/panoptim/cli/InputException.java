package org.panoptim.cli;

import java.io.Serial;

/** What the user asked for or handed in cannot be used; exit status 2. */
public final class InputException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception with this message, one line that says what and where. */
    public InputException(String message) {
        super(message);
    }

    /** As above, with the exception that told. */
    public InputException(String message, Throwable cause) {
        super(message, cause);
    }
}
