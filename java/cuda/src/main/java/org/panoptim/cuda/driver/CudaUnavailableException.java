package org.panoptim.cuda.driver;

import java.util.List;

/** CUDA cannot be used here: no library, too old a driver, no device, or too old a device. */
public final class CudaUnavailableException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String reason;
    private final transient List<String> tried;

    /**
     * A refusal.
     *
     * @param reason why, in one line
     * @param tried the attempts in order, each with its outcome in a line
     */
    public CudaUnavailableException(String reason, List<String> tried) {
        super(tried.isEmpty() ? reason : reason + " (" + String.join("; ", tried) + ")");
        this.reason = reason;
        this.tried = List.copyOf(tried);
    }

    /** A refusal for a reason without further attempts. */
    public CudaUnavailableException(String reason) {
        this(reason, List.of());
    }

    /** Why, in one line. */
    public String reason() {
        return reason;
    }

    /** The attempts in order, each with its outcome in a line. */
    public List<String> tried() {
        return tried == null ? List.of() : tried;
    }
}
