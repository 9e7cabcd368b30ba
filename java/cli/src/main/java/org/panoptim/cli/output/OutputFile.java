package org.panoptim.cli.output;

import org.panoptim.cli.InputException;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/** Files that commands write. */
public final class OutputFile {

    /** What writes to a file. */
    @FunctionalInterface
    public interface Writing {

        /** Writes. */
        void run() throws IOException;
    }

    private OutputFile() {}

    /**
     * Finds out before any work is done whether a file can be written, and makes its folder.
     *
     * @param option which names it
     * @throws InputException if it is a folder
     * @throws IOException if it, or its folder, cannot be written to
     */
    public static void prepare(String option, Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new InputException(option + " " + file + ": is a folder");
        }
        var folder = file.toAbsolutePath().normalize().getParent();
        Files.createDirectories(folder);
        if (!Files.isWritable(Files.exists(file) ? file : folder)) {
            throw new AccessDeniedException(file.toString());
        }
    }

    /**
     * Writes a text in UTF-8. A file that is there already is replaced once the new one is
     * complete, and stays as it is if that fails; what is no file, as a device or a pipe, is
     * written into.
     *
     * @throws FileSystemException if that fails; it names the file
     */
    public static void write(Path file, String text) throws FileSystemException {
        named(
                file,
                () -> {
                    // A link stays one.
                    var target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
                    if (isReplaceable(target)) {
                        replace(target, text);
                    } else {
                        Files.writeString(target, text);
                    }
                });
    }

    private static boolean isReplaceable(Path target) {
        return Files.isRegularFile(target)
                ? Files.isWritable(target.getParent())
                : !Files.exists(target) && !Files.isSymbolicLink(target);
    }

    private static void replace(Path target, String text) throws IOException {
        var number = ThreadLocalRandom.current().nextLong();
        var unfinished = target.resolveSibling(".panoptim-%016x.tmp".formatted(number));
        try {
            Files.writeString(unfinished, text, StandardOpenOption.CREATE_NEW);
            if (Files.exists(target)) {
                keepPermissions(target, unfinished);
            }
            Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            // The name that the caller knows.
            var problem = new FileSystemException(target.toString(), null, e.getReason());
            problem.initCause(e);
            throw problem;
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    private static void keepPermissions(Path from, Path to) throws IOException {
        var permissions = Files.getPosixFilePermissions(from);
        // Some file systems have permissions but refuse to change them.
        if (!permissions.equals(Files.getPosixFilePermissions(to))) {
            Files.setPosixFilePermissions(to, permissions);
        }
    }

    /**
     * Runs what writes to a file.
     *
     * @throws FileSystemException instead of an exception that does not name a file, as that of a
     *     full disk
     */
    public static void named(Path file, Writing writing) throws FileSystemException {
        try {
            writing.run();
        } catch (FileSystemException e) {
            throw e;
        } catch (IOException e) {
            var problem = new FileSystemException(file.toString(), null, e.getMessage());
            problem.initCause(e);
            throw problem;
        }
    }
}
