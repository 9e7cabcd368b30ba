package org.panoptim.internal;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Says what is missing: the exceptions of the file system have the name alone. */
public final class MissingFile {

    private MissingFile() {}

    /**
     * An exception that says what is missing, and whether the folder around it is, too.
     *
     * @param problem for example {@code "there is no such file"}
     * @param cause of the file system
     */
    public static NoSuchFileException because(
            NoSuchFileException cause, Path path, String problem) {
        var folder = path.toAbsolutePath().getParent();
        boolean alone = folder == null || Files.exists(folder);
        var exception =
                new NoSuchFileException(
                        path.toString(),
                        null,
                        alone ? problem : "%s; there is no folder %s".formatted(problem, folder));
        exception.initCause(cause);
        return exception;
    }
}
