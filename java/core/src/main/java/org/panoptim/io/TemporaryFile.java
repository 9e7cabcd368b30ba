package org.panoptim.io;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that becomes another one when it is complete, and is deleted by {@link #close} otherwise.
 *
 * <p>Its name tells which file it is for and which process writes it, and that process holds a lock
 * on it. So whoever writes the same file next can tell one that a killed process has left from one
 * that is still being written, in another container or on another machine too.
 */
final class TemporaryFile implements AutoCloseable {

    private static final String PREFIX = ".panoptim-";
    private static final String SUFFIX = ".tmp";

    private final Path path;
    private final SeekableNamedChannel channel;
    private boolean complete;

    private TemporaryFile(Path path, SeekableNamedChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    Path path() {
        return path;
    }

    SeekableNamedChannel channel() {
        return channel;
    }

    /**
     * Makes an empty file in the target's folder.
     *
     * @param file the name that failures tell
     */
    static TemporaryFile create(Path file, Path target) throws IOException {
        while (true) {
            var path =
                    target.resolveSibling(
                            prefix(target)
                                    + process()
                                    + "%016x".formatted(ThreadLocalRandom.current().nextLong())
                                    + SUFFIX);
            FileChannel channel;
            try {
                channel =
                        FileChannel.open(
                                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            } catch (FileSystemException e) {
                throw unwritable(file, target, e);
            }
            var temporary = new TemporaryFile(path, new SeekableNamedChannel(file, channel));
            boolean kept = false;
            try {
                // Another process may have found it before the lock was on it, and deleted it.
                kept = lock(channel) && Files.exists(path);
            } finally {
                if (!kept) {
                    temporary.close();
                }
            }
            if (kept) {
                return temporary;
            }
        }
    }

    private static FileSystemException unwritable(
            Path file, Path target, FileSystemException cause) {
        var reason = cause.getReason();
        var failure =
                new FileSystemException(
                        file.toString(),
                        null,
                        "no file can be made in %s: %s"
                                .formatted(
                                        target.getParent(),
                                        reason == null ? "access is denied" : reason));
        failure.initCause(cause);
        return failure;
    }

    /** Takes the lock, which closing the channel releases; false if another process has it. */
    private static boolean lock(FileChannel channel) {
        try {
            return channel.tryLock() != null;
        } catch (IOException _) {
            // This file system has no locks, so that nobody deletes what others left either.
            return true;
        }
    }

    /** Deletes what killed processes have left of this target; what cannot be deleted stays. */
    static void deleteAbandoned(Path target) {
        deleteAbandoned(Objects.requireNonNull(target.getParent()), prefix(target));
    }

    /** Deletes what killed processes have left in a folder; what cannot be deleted stays. */
    static void deleteAllAbandoned(Path folder) {
        deleteAbandoned(folder, PREFIX);
    }

    private static void deleteAbandoned(Path folder, String prefix) {
        try (var files =
                Files.newDirectoryStream(
                        folder, entry -> isTemporary(prefix, entry.getFileName()))) {
            for (var file : files) {
                // Opening one of this process, and closing it again, would release its lock.
                if (!file.getFileName().toString().contains("-" + process())) {
                    deleteUnlocked(file);
                }
            }
        } catch (IOException | DirectoryIteratorException _) {
            // The folder cannot be listed: what is in it does no harm to the file to be written.
        }
    }

    private static boolean isTemporary(String prefix, @Nullable Path name) {
        return name != null
                && name.toString().startsWith(prefix)
                && name.toString().endsWith(SUFFIX);
    }

    private static void deleteUnlocked(Path file) {
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException _) {
            // Gone by now, not ours, or on a file system without locks: it stays.
        }
    }

    /** The target's name in a fixed length, as it may be as long as a name can be. */
    private static String prefix(Path target) {
        var name = String.valueOf(target.getFileName()).getBytes(StandardCharsets.UTF_8);
        return PREFIX + UUID.nameUUIDFromBytes(name) + "-";
    }

    /** This process, and no other one that had or will have its number. */
    private static String process() {
        var process = ProcessHandle.current();
        long start = process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
        return process.pid() + "-" + start + "-";
    }

    /** Makes it the target, in one step. */
    void become(Path target) throws IOException {
        Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
        complete = true;
    }

    /** Deletes the file unless it has been renamed, and then lets go of the lock. */
    @Override
    public void close() throws IOException {
        try (channel) {
            if (!complete) {
                Files.deleteIfExists(path);
            }
        }
    }
}
