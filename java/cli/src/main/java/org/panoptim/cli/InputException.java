package org.panoptim.cli;

import java.io.Serial;

/** What the user asked for or handed in cannot be used; exit status 2. */
final class InputException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception with this message, one line that says what and where. */
    InputException(String message) {
        super(message);
    }

    /** As above, with the exception that told. */
    InputException(String message, Throwable cause) {
        super(message, cause);
    }
}
