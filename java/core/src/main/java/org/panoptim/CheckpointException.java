package org.panoptim;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/** A file is no checkpoint, or one of another optimizer. Nothing was loaded from it. */
public final class CheckpointException extends IOException {

    @Serial private static final long serialVersionUID = 1;

    /** An exception for this file. */
    public CheckpointException(Path file, String problem) {
        super("checkpoint " + file + ": " + problem);
    }
}
