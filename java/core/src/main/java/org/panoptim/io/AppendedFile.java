package org.panoptim.io;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A file that grows while a program runs, by lines or other records: each is there whole, or not at
 * all.
 *
 * <p>A record is handed to the system in one call, without a buffer in between, so that a process
 * that ends loses nothing; of one that is killed in the middle of the call, or when the power
 * fails, the last record may be incomplete. What was written of a record when writing failed is
 * taken back.
 *
 * <p>A pipe, a terminal or another character device is written into, and has nothing that could be
 * looked at or taken back; it is opened as {@link OutputFile} opens it. Not safe for use by several
 * threads at once.
 */
public final class AppendedFile implements AutoCloseable {

    private final Path file;
    private final NamedChannel channel;

    /** The same, where one can go back in it. */
    private final @Nullable SeekableNamedChannel regular;

    private AppendedFile(Path file, NamedChannel channel, @Nullable SeekableNamedChannel regular) {
        this.file = file;
        this.channel = channel;
        this.regular = regular;
    }

    /**
     * Opens a file, or makes an empty one; symbolic links are followed.
     *
     * @param file where; its folder must exist
     * @throws FileSystemException if there is something that cannot be written to, or another
     *     process, or something else in this one, is adding to it, with the reason
     * @throws IOException if opening fails
     */
    public static AppendedFile open(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        if (OutputFile.isStream(file)) {
            return new AppendedFile(file, new NamedChannel(file, StreamOpening.open(file)), null);
        }
        return open(file, StandardOpenOption.CREATE);
    }

    /**
     * Makes a file.
     *
     * @param file where; its folder must exist
     * @return the file; empty if there is one of the name already, which is left alone
     * @throws IOException if making it fails
     */
    public static Optional<AppendedFile> create(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        try {
            return Optional.of(open(file, StandardOpenOption.CREATE_NEW));
        } catch (FileAlreadyExistsException _) {
            return Optional.empty();
        }
    }

    private static AppendedFile open(Path file, OpenOption creation) throws IOException {
        FileChannel opened;
        try {
            opened =
                    FileChannel.open(
                            file,
                            Set.of(creation, StandardOpenOption.READ, StandardOpenOption.WRITE));
        } catch (NoSuchFileException e) {
            throw refused(file, "no file can be made: its folder does not exist", e);
        } catch (AccessDeniedException e) {
            throw refused(file, "access is denied", e);
        }
        var channel = new SeekableNamedChannel(file, opened);
        boolean kept = false;
        try {
            lock(file, opened);
            kept = true;
        } finally {
            if (!kept) {
                channel.close();
            }
        }
        return new AppendedFile(file, channel, channel);
    }

    /** Keeps others from adding to the file, where the file system can; closing releases it. */
    private static void lock(Path file, FileChannel channel) throws FileSystemException {
        boolean locked;
        try {
            // Where locks are mandatory, those who read the file must not come upon it.
            locked = channel.tryLock(Long.MAX_VALUE - 1, 1, false) != null;
        } catch (OverlappingFileLockException _) {
            locked = false;
        } catch (IOException _) {
            // This file system has no locks.
            locked = true;
        }
        if (!locked) {
            throw refused(file, "something else is adding to it", null);
        }
    }

    private static FileSystemException refused(
            Path file, String reason, @Nullable IOException cause) {
        var failure = new FileSystemException(file.toString(), null, reason);
        if (cause != null) {
            failure.initCause(cause);
        }
        return failure;
    }

    /** The file, as it was named. */
    public Path path() {
        return file;
    }

    /** Its length in bytes; 0 of a pipe or device. */
    public long size() throws IOException {
        return regular == null ? 0 : regular.size();
    }

    /**
     * The bytes up to the first line's end, without it.
     *
     * @param limit how many there may be
     * @return the line; empty if there is no line's end within the limit
     */
    public Optional<byte[]> firstLine(int limit) throws IOException {
        if (regular == null) {
            return Optional.empty();
        }
        var line = new ByteArrayOutputStream();
        var block = ByteBuffer.allocate(1 << 12);
        regular.position(0);
        while (line.size() <= limit && regular.read(block.clear()) > 0) {
            block.flip();
            while (block.hasRemaining()) {
                byte next = block.get();
                if (next == '\n') {
                    return Optional.of(line.toByteArray()).filter(it -> it.length <= limit);
                }
                line.write(next);
            }
        }
        return Optional.empty();
    }

    /** Cuts off what stands behind the last line's end: a line that was not written whole. */
    public void cutIncompleteLine() throws IOException {
        if (regular == null) {
            return;
        }
        var block = ByteBuffer.allocate(1 << 12);
        long end = regular.size();
        while (end > 0) {
            long start = Math.max(0, end - block.capacity());
            regular.position(start);
            block.clear().limit((int) (end - start));
            while (block.hasRemaining() && regular.read(block) > 0) {
                // A read may bring less than was asked for.
            }
            for (int i = block.position() - 1; i >= 0; i--) {
                if (block.get(i) == '\n') {
                    regular.truncate(start + i + 1);
                    return;
                }
            }
            end = start;
        }
        regular.truncate(0);
    }

    /**
     * Adds a record at the file's end.
     *
     * @throws FileSystemException if it cannot be written, with the reason; what there was of it is
     *     taken back, unless this fails too, which is then suppressed in the exception
     * @throws IllegalStateException if the file is closed
     */
    public void append(byte[] record) throws IOException {
        Objects.requireNonNull(record, "record");
        if (!channel.isOpen()) {
            throw new IllegalStateException(file + " is closed");
        }
        if (regular == null) {
            channel.write(ByteBuffer.wrap(record));
            return;
        }
        long end = regular.size();
        regular.position(end);
        try {
            channel.write(ByteBuffer.wrap(record));
        } catch (IOException e) {
            try {
                regular.truncate(end);
            } catch (IOException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
    }

    /** Closes the file; twice is harmless. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
