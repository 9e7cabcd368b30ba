package org.panoptim.io;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Opens pipes and character devices to write into them. */
final class StreamOpening {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** The bits of a mode that tell the kind of file, and two of the kinds: see inode(7). */
    private static final int KIND = 0170000;

    private static final int CHARACTER_DEVICE = 0020000;
    private static final int PIPE = 0010000;

    private StreamOpening() {}

    /** Whether something that is no regular file, folder or link is a pipe or character device. */
    static boolean isPossible(Path file) throws IOException {
        if (!file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
            return false;
        }
        int kind = (int) Files.getAttribute(file, "unix:mode") & KIND;
        return kind == CHARACTER_DEVICE || kind == PIPE;
    }

    /** Opens a file in some way. */
    @FunctionalInterface
    interface Opener<T extends Closeable> {
        T open() throws IOException;
    }

    static FileChannel open(Path file) throws IOException {
        return open(file, PATIENCE);
    }

    static FileChannel open(Path file, Duration patience) throws IOException {
        return open(file, patience, () -> FileChannel.open(file, StandardOpenOption.WRITE));
    }

    static <T extends Closeable> T open(Path file, Opener<T> opener) throws IOException {
        return open(file, PATIENCE, opener);
    }

    /** Opening a pipe waits for a reader: in a thread of its own, so that it can be given up. */
    private static <T extends Closeable> T open(Path file, Duration patience, Opener<T> opener)
            throws IOException {
        var opened = new CompletableFuture<T>();
        Thread.ofPlatform()
                .daemon()
                .name("panoptim-open")
                .start(
                        () -> {
                            try {
                                opened.complete(opener.open());
                            } catch (Throwable failure) {
                                opened.completeExceptionally(failure);
                            }
                        });
        try {
            return opened.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) {
            giveUp(file, opened);
            throw new FileSystemException(
                    file.toString(),
                    null,
                    "a pipe that nobody has read from within %d s".formatted(patience.toSeconds()));
        } catch (InterruptedException _) {
            giveUp(file, opened);
            Thread.currentThread().interrupt();
            throw new InterruptedIOException(file + ": interrupted while it waited for a reader");
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException failure
                    ? failure
                    : new IOException(file + ": cannot be opened", e.getCause());
        }
    }

    /** Lets the waiting thread go: for that the pipe is opened in a way that never waits. */
    private static void giveUp(Path file, CompletableFuture<? extends Closeable> opened)
            throws IOException {
        try (var _ = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            opened.thenAccept(StreamOpening::closeQuietly).join();
        } catch (CompletionException _) {
            // It failed by itself.
        }
    }

    private static void closeQuietly(Closeable channel) {
        try {
            channel.close();
        } catch (IOException _) {
            // Nothing was written to it.
        }
    }
}
