package org.panoptim.cli;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A named pipe that is read from. */
record Pipe(Path path, CompletableFuture<byte[]> read) implements AutoCloseable {

    private static final int KIND = 0170000;
    private static final int PIPE = 0010000;

    static Pipe in(Path folder) throws IOException, InterruptedException {
        var path = folder.resolve("pipe");
        assumeThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor())
                .as("this system has no mkfifo")
                .isZero();
        return new Pipe(
                path,
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return Files.readAllBytes(path);
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }));
    }

    /** What was written to it, once the writer has closed it. */
    byte[] bytes() throws Exception {
        return read.get(30, TimeUnit.SECONDS);
    }

    boolean isPipe() throws IOException {
        return ((int) Files.getAttribute(path, "unix:mode") & KIND) == PIPE;
    }

    /** Lets go of a reader that nobody wrote to. */
    @Override
    public void close() throws IOException {
        if (!read.isDone() && isPipe()) {
            Files.write(path, new byte[0]);
        }
    }
}
