package org.panoptim.cli.output;

import java.io.IOException;
import java.io.Serial;

/** What the process printed could not be written. */
public final class OutputException extends RuntimeException {

    @Serial private static final long serialVersionUID = 1;

    private final boolean readerGone;

    /**
     * An exception for one of the process's streams.
     *
     * @param stream which, in words
     * @param readerGone whether nobody reads it any more
     */
    OutputException(String stream, boolean readerGone, IOException cause) {
        super(stream + ": " + cause.getMessage(), cause);
        this.readerGone = readerGone;
    }

    /** Whether it went to a pipe whose reader has ended, as {@code head} does: no fault at all. */
    public boolean readerGone() {
        return readerGone;
    }
}
