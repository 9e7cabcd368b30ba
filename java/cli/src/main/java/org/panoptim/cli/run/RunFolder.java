package org.panoptim.cli.run;

import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;

/**
 * The folder that a run is kept in: the page {@code report.html}, the curves as {@code
 * metrics.csv}, and everything as {@code run.json}, by which other runs are compared with it.
 *
 * @param path of the folder, which is there
 */
public record RunFolder(Path path) {

    private static final String RUN = "run.json";
    private static final String METRICS = "metrics.csv";
    private static final String PAGE = "report.html";

    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss");

    /** Makes a folder, named by date, time and task, among those of other runs. */
    public static RunFolder among(Path runs, String task, LocalDateTime began) throws IOException {
        Files.createDirectories(runs);
        var name = NAME.format(began) + "-" + task;
        for (int attempt = 1; ; attempt++) {
            var path = runs.resolve(attempt == 1 ? name : name + "-" + attempt);
            try {
                return new RunFolder(Files.createDirectory(path));
            } catch (FileAlreadyExistsException _) {
                // Another run began in the same second.
            }
        }
    }

    /**
     * Makes a folder, or takes one that is empty.
     *
     * @throws FileSystemException if it has anything in it, or is none
     */
    public static RunFolder at(Path path) throws IOException {
        if (Files.exists(path) && !Files.isDirectory(path)) {
            throw new FileSystemException(path.toString(), null, "is no folder");
        }
        Files.createDirectories(path);
        try (var files = Files.list(path)) {
            if (files.findAny().isPresent()) {
                throw new FileSystemException(
                        path.toString(), null, "is not empty; each run has a folder of its own");
            }
        }
        return new RunFolder(path);
    }

    /** The page that shows the run. */
    public Path page() {
        return path.resolve(PAGE);
    }

    /** Keeps a run; its page is written by others. */
    public void write(RunRecord run) throws IOException {
        OutputFile.writeString(path.resolve(METRICS), MetricsCsv.of(run));
        OutputFile.writeString(path.resolve(RUN), RunJson.write(run));
    }

    /** Removes the folder if nothing was written and it is still there. */
    public void removeIfEmpty() throws IOException {
        try (var files = Files.list(path)) {
            if (files.findAny().isPresent()) {
                return;
            }
        } catch (NoSuchFileException _) {
            return;
        }
        Files.delete(path);
    }

    /**
     * Reads the run that a folder keeps.
     *
     * @throws IllegalArgumentException if it keeps none that can be read; the message says why
     * @throws IOException if reading fails
     */
    public static RunRecord read(Path folder) throws IOException {
        var file = folder.resolve(RUN);
        try {
            return RunJson.read(Files.readString(file));
        } catch (NoSuchFileException | NotDirectoryException e) {
            throw new IllegalArgumentException(
                    folder + ": keeps no run; there is no " + RUN + " in it", e);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
        }
    }
}
