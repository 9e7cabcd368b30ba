package org.panoptim.spi;

import java.io.Serial;
import java.util.Objects;

/**
 * A call failed after it had begun to change what it cannot take back: the optimizer becomes
 * unusable. Whoever implements the interfaces of this package throws it in that case, and only
 * then; any other exception says that nothing was changed.
 */
public final class PartialChangeException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    private final Throwable reason;

    /**
     * An exception around what went wrong.
     *
     * @param what failed, a sentence without its end, for example {@code "a step failed half way"}
     * @param reason what went wrong; of another exception of this kind, that one's reason
     */
    public PartialChangeException(String what, Throwable reason) {
        super(what, Objects.requireNonNull(reason, "reason"));
        this.reason = reason instanceof PartialChangeException inner ? inner.reason : reason;
    }

    /** What went wrong. */
    public Throwable reason() {
        return reason;
    }
}
