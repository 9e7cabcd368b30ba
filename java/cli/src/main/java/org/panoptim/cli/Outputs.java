package org.panoptim.cli;

import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Finds out, before any work is done, whether its results can be written. */
final class Outputs {

    private Outputs() {}

    /**
     * Refuses a file that cannot be written.
     *
     * @param option the option that names the file
     */
    static void check(String option, Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new InputException(option + " " + file + ": is a folder");
        }
        try {
            OutputFile.check(file);
        } catch (FileSystemException e) {
            throw new InputException(option + " " + e.getMessage(), e);
        }
    }

    /** Refuses a file that cannot be written, and makes its folder. */
    static void prepare(String option, Path file) throws IOException {
        check(option, file);
        var folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
    }
}
