package org.panoptim.shard;

import java.util.Objects;

/**
 * A member of a team failed, is gone or did not answer in time. The message says which, and why.
 */
public final class TeamException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** With what the engine said of it. */
    public TeamException(String message, Throwable cause) {
        super(Objects.requireNonNull(message, "message"), Objects.requireNonNull(cause, "cause"));
    }

    /** Without a cause on this member. */
    public TeamException(String message) {
        super(Objects.requireNonNull(message, "message"));
    }
}
