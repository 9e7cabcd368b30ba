package org.panoptim.io;

import org.jspecify.annotations.Nullable;
import org.panoptim.internal.MissingFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;

/**
 * The one way in which files are written: as a whole, or not at all.
 *
 * <p>A regular file, or a name that does not exist yet: a temporary file in the same folder is
 * written, forced to the disk and renamed, and the folder is forced to the disk, too. Whoever opens
 * the file meanwhile sees the old one or the new one. A file that is replaced passes its
 * permissions on. If anything fails before the renaming, the temporary file is deleted and the old
 * file is untouched; if forcing the folder fails, after the renaming, the new file is in place and
 * the exception says so. If the process is killed, a file {@code .panoptim-*.tmp} stays, and the
 * next write to the same name removes it.
 *
 * <p>Symbolic links are followed and stay; the file that they point to is replaced, or made. What
 * is written to a pipe, a terminal or another character device goes into it, unprotected; a pipe
 * must have a reader within ten seconds. Folders, block devices and sockets are refused.
 */
public final class OutputFile {

    /** As many as Linux follows. */
    private static final int MOST_LINKS = 40;

    private OutputFile() {}

    /** Writes a file's content. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes all of it.
         *
         * @param channel takes the bytes, all that it is handed in one call; a {@link
         *     SeekableByteChannel} unless the file is a pipe or device. Valid during this call only
         * @throws IOException if it cannot be had or written; passed on unchanged
         */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /**
     * Writes a file.
     *
     * @param file where to; its folder, or that of the file that a link points to, must exist
     * @throws FileSystemException if there is something that cannot be written to, with the reason
     * @throws IOException if writing fails, or what the content throws
     */
    public static void write(Path file, Content content) throws IOException {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(content, "content");
        if (isStream(file)) {
            try (var channel = new NamedChannel(file, StreamOpening.open(file))) {
                content.writeTo(channel);
            }
        } else {
            replace(file, target(file), content);
        }
    }

    /** Writes a text in UTF-8; otherwise as {@link #write}. */
    public static void writeString(Path file, String text) throws IOException {
        Objects.requireNonNull(text, "text");
        write(
                file,
                channel -> channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
    }

    /**
     * Finds out, before any work is done, whether there is something that cannot be written to.
     * Creates nothing.
     *
     * @throws FileSystemException if so, with the reason: a folder, a block device or a socket, or
     *     a link into a folder that does not exist
     * @throws IOException if it cannot be told
     */
    public static void check(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        if (!isStream(file) && Files.isSymbolicLink(file)) {
            var folder = folder(target(file));
            if (!Files.isDirectory(folder)) {
                throw new FileSystemException(
                        file.toString(),
                        null,
                        "is a link into a folder that is not there: " + folder);
            }
        }
    }

    /** Whether there is something that bytes are written into, instead of being replaced. */
    static boolean isStream(Path file) throws IOException {
        BasicFileAttributes attributes;
        try {
            attributes = Files.readAttributes(file, BasicFileAttributes.class);
        } catch (NoSuchFileException _) {
            return false;
        }
        if (attributes.isDirectory()) {
            throw new FileSystemException(file.toString(), null, "expected a file, got a folder");
        }
        if (!attributes.isOther()) {
            return false;
        }
        if (!StreamOpening.isPossible(file)) {
            throw new FileSystemException(
                    file.toString(),
                    null,
                    "expected a file, a pipe or a character device, got something else");
        }
        return true;
    }

    /** The file at the end of all links, be it there or not: renaming would replace a link. */
    private static Path target(Path file) throws IOException {
        var target = file.toAbsolutePath();
        for (int links = 0; Files.isSymbolicLink(target); links++) {
            if (links == MOST_LINKS) {
                throw new FileSystemLoopException(file.toString());
            }
            target = target.resolveSibling(Files.readSymbolicLink(target));
        }
        return target;
    }

    static Path folder(Path target) {
        // Only a root has none, and that is a folder itself.
        return Objects.requireNonNull(target.getParent(), target::toString);
    }

    private static void replace(Path file, Path target, Content content) throws IOException {
        var folder = folder(target);
        boolean posix = target.getFileSystem().supportedFileAttributeViews().contains("posix");
        try (FileChannel directory = posix ? open(folder, target) : null) {
            TemporaryFile.deleteAbandoned(target);
            try (var temporary = TemporaryFile.create(file, target)) {
                if (posix) {
                    keepPermissions(target, temporary.path());
                }
                content.writeTo(temporary.channel());
                temporary.channel().force();
                temporary.become(target);
            }
            force(directory, file);
        }
    }

    private static FileChannel open(Path folder, Path target) throws IOException {
        try {
            return FileChannel.open(folder);
        } catch (NoSuchFileException e) {
            throw MissingFile.because(e, target, "the file cannot be made");
        }
    }

    private static void keepPermissions(Path from, Path to) throws IOException {
        if (Files.exists(from)) {
            var permissions = Files.getPosixFilePermissions(from);
            // Some file systems have permissions but refuse to change them.
            if (!permissions.equals(Files.getPosixFilePermissions(to))) {
                Files.setPosixFilePermissions(to, permissions);
            }
        }
    }

    /** Makes the renaming survive a loss of power; only POSIX lets one open a folder for that. */
    private static void force(@Nullable FileChannel directory, Path file) throws IOException {
        if (directory == null) {
            return;
        }
        try {
            directory.force(true);
        } catch (IOException e) {
            throw new IOException(
                    file + ": the new file is in place but may not survive a loss of power", e);
        }
    }
}
