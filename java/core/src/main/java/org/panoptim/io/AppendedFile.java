package org.panoptim.io;

import org.jspecify.annotations.Nullable;

import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A file that grows while a program runs, by lines or other records: each is there whole, or not at
 * all.
 *
 * <p>A record is handed to the system at once, without a buffer in between, so that a process that
 * ends loses nothing; of one that is killed while the system takes it, or when the power fails, the
 * last record may be incomplete. What was written of a record when writing failed is taken back. A
 * thread that is interrupted, before or meanwhile, writes all the same, and stays interrupted.
 *
 * <p>A pipe, a terminal or another character device is written into, and has nothing that could be
 * looked at or taken back; it is opened as {@link OutputFile} opens it. Not safe for use by several
 * threads at once.
 *
 * <p>Every {@link IOException} names the file.
 */
public final class AppendedFile implements AutoCloseable {

    private static final int BLOCK = 1 << 12;

    private final Path file;

    /**
     * What records go into, or null if that is {@link #regular}. No channel: an interrupt would
     * close it.
     */
    private final @Nullable OutputStream stream;

    /** A file in which one can go back. */
    private final @Nullable RandomAccessFile regular;

    private boolean isOpen = true;

    private AppendedFile(
            Path file, @Nullable OutputStream stream, @Nullable RandomAccessFile regular) {
        this.file = file;
        this.stream = stream;
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
        requireOfSystem(file);
        if (OutputFile.isStream(file)) {
            return new AppendedFile(
                    file,
                    StreamOpening.open(file, () -> new FileOutputStream(file.toFile())),
                    null);
        }
        return openRegular(file);
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
        requireOfSystem(file);
        try {
            Files.createFile(file);
        } catch (FileAlreadyExistsException _) {
            return Optional.empty();
        } catch (IOException e) {
            throw withReason(file, e);
        }
        return Optional.of(openRegular(file));
    }

    /** Others, in an archive for example, are written by channels alone. */
    private static void requireOfSystem(Path file) throws FileSystemException {
        if (!file.getFileSystem().equals(FileSystems.getDefault())) {
            throw refused(file, "is no file of the operating system", null);
        }
    }

    private static AppendedFile openRegular(Path file) throws IOException {
        RandomAccessFile opened;
        try {
            opened = new RandomAccessFile(file.toFile(), "rw");
        } catch (FileNotFoundException e) {
            throw whyNot(file, e);
        }
        boolean kept = false;
        try {
            lock(file, opened.getChannel());
            kept = true;
        } finally {
            if (!kept) {
                opened.close();
            }
        }
        return new AppendedFile(file, null, opened);
    }

    /** The same failure with a reason: the newer library tells several of them apart. */
    private static IOException whyNot(Path file, FileNotFoundException failure) {
        try (var _ =
                FileChannel.open(
                        file,
                        Set.of(
                                StandardOpenOption.CREATE,
                                StandardOpenOption.READ,
                                StandardOpenOption.WRITE))) {
            return named(file, failure);
        } catch (IOException e) {
            return withReason(file, e);
        }
    }

    private static IOException withReason(Path file, IOException failure) {
        return switch (failure) {
            case NoSuchFileException e ->
                    refused(file, "no file can be made: its folder does not exist", e);
            case AccessDeniedException e -> refused(file, "access is denied", e);
            case FileSystemException e -> e;
            default -> named(file, failure);
        };
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

    /** The system's own exception says "No space left on device", but not where. */
    private static FileSystemException named(Path file, IOException failure) {
        return refused(file, String.valueOf(failure.getMessage()), failure);
    }

    /** The file, as it was named. */
    public Path path() {
        return file;
    }

    /** Its length in bytes; 0 of a pipe or device. */
    public long size() throws IOException {
        try {
            return regular == null ? 0 : regular.length();
        } catch (IOException e) {
            throw named(file, e);
        }
    }

    /**
     * The bytes up to the first line's end, without it.
     *
     * @param limit how many there may be
     * @return the line; empty if there is no line's end within the limit
     */
    public Optional<byte[]> firstLine(int limit) throws IOException {
        var start = start(limit);
        return start.complete() ? Optional.of(start.bytes()) : Optional.empty();
    }

    /**
     * All bytes of a file without a line's end.
     *
     * @param limit how many there may be
     * @return the bytes; empty if there is a line's end, or there are more
     */
    public Optional<byte[]> onlyIncompleteLine(int limit) throws IOException {
        var start = start(limit);
        return !start.complete() && start.bytes().length == size()
                ? Optional.of(start.bytes())
                : Optional.empty();
    }

    /**
     * How a file begins.
     *
     * @param bytes those up to a line's end, or as many as were asked for
     * @param complete whether a line's end follows
     */
    private record Start(byte[] bytes, boolean complete) {}

    private Start start(int limit) throws IOException {
        if (regular == null) {
            return new Start(new byte[0], false);
        }
        try {
            var bytes = new byte[Math.min(BLOCK, limit + 1)];
            int length = 0;
            regular.seek(0);
            while (true) {
                int read = regular.read(bytes, length, bytes.length - length);
                int end = length + Math.max(read, 0);
                for (; length < end; length++) {
                    if (bytes[length] == '\n') {
                        return new Start(Arrays.copyOf(bytes, length), true);
                    }
                }
                if (read <= 0 || length > limit) {
                    return new Start(Arrays.copyOf(bytes, Math.min(length, limit)), false);
                }
                if (length == bytes.length) {
                    bytes = Arrays.copyOf(bytes, (int) Math.min(2L * length, limit + 1L));
                }
            }
        } catch (IOException e) {
            throw named(file, e);
        }
    }

    /** Cuts off what stands behind the last line's end: a line that was not written whole. */
    public void cutIncompleteLine() throws IOException {
        if (regular == null) {
            return;
        }
        try {
            regular.setLength(endOfLines(regular));
        } catch (IOException e) {
            throw named(file, e);
        }
    }

    /** Where the last line that has an end ends. */
    private static long endOfLines(RandomAccessFile file) throws IOException {
        var block = new byte[BLOCK];
        long end = file.length();
        while (end > 0) {
            long start = Math.max(0, end - BLOCK);
            int length = (int) (end - start);
            file.seek(start);
            file.readFully(block, 0, length);
            for (int i = length - 1; i >= 0; i--) {
                if (block[i] == '\n') {
                    return start + i + 1;
                }
            }
            end = start;
        }
        return 0;
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
        if (!isOpen) {
            throw new IllegalStateException(file + " is closed");
        }
        try {
            if (regular != null) {
                append(regular, record);
            } else if (stream != null) {
                stream.write(record);
            }
        } catch (IOException e) {
            throw named(file, e);
        }
    }

    private static void append(RandomAccessFile file, byte[] record) throws IOException {
        long end = file.length();
        file.seek(end);
        try {
            file.write(record);
        } catch (IOException e) {
            try {
                file.setLength(end);
            } catch (IOException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
    }

    /** Closes the file; twice is harmless. */
    @Override
    public void close() throws IOException {
        isOpen = false;
        try (var _ = stream;
                var _ = regular) {
            // Both are closed, of which there is one.
        } catch (IOException e) {
            throw named(file, e);
        }
    }
}
