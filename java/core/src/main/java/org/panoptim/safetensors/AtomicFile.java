package org.panoptim.safetensors;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/** Replaces files as a whole. */
final class AtomicFile {
    private AtomicFile() {}

    /** Writes a file's content to a channel. */
    @FunctionalInterface
    interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    /**
     * Writes a file under a temporary name beside its place, forces it to the disk, renames it, and
     * forces the folder. Until the renaming any failure deletes the temporary file.
     */
    static void replace(Path file, Content content) throws IOException {
        // Renaming onto a symbolic link would replace the link.
        Path target = Files.isSymbolicLink(file) ? file.toRealPath() : file.toAbsolutePath();
        Path folder = target.getParent();
        if (folder == null || Files.isDirectory(target)) {
            throw new FileSystemException(file.toString(), null, "expected a file, got a folder");
        }
        boolean posix = target.getFileSystem().supportedFileAttributeViews().contains("posix");
        try (FileChannel directory = posix ? FileChannel.open(folder) : null) {
            Path temporary = folder.resolve(temporaryName());
            FileChannel channel =
                    FileChannel.open(
                            temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            try {
                try (channel) {
                    if (posix) {
                        keepPermissions(target, temporary);
                    }
                    content.writeTo(channel);
                    channel.force(true);
                }
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (Throwable failure) {
                try {
                    Files.deleteIfExists(temporary);
                } catch (IOException e) {
                    failure.addSuppressed(e);
                }
                throw failure;
            }
            force(directory, file);
        }
    }

    private static String temporaryName() {
        return ".safetensors-%016x.tmp".formatted(ThreadLocalRandom.current().nextLong());
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
