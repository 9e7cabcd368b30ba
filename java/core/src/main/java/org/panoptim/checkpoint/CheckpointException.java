package org.panoptim.checkpoint;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/** A file is no checkpoint, or one of another optimizer. Nothing was loaded from it. */
public final class CheckpointException extends IOException {

    @Serial private static final long serialVersionUID = 1;

    /** The longest problem that is told in full. */
    private static final int LONGEST = 1000;

    /**
     * An exception for this file.
     *
     * @param problem what is wrong; may hold text from the file, of which control characters are
     *     replaced and what is very long is cut
     */
    public CheckpointException(Path file, String problem) {
        super("checkpoint " + file + ": " + printable(problem));
    }

    private static String printable(String problem) {
        var shortened =
                problem.length() <= LONGEST ? problem : problem.substring(0, LONGEST) + " …";
        return shortened.replaceAll("[\\p{Cc}\\p{Cf}]", "?");
    }
}
