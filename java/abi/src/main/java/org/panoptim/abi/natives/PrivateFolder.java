package org.panoptim.abi.natives;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Folders in which nobody but this process's user, and root, can put a file or exchange one.
 *
 * <p>That depends on the folder and on every folder above it: who can rename one of them can put
 * another in its place.
 */
final class PrivateFolder {

    private static final int ROOT = 0;

    private PrivateFolder() {}

    /**
     * Returns a folder of that name within another one; makes both if they are not there.
     *
     * @param parent absolute
     * @return its path without symbolic links
     * @throws IOException if others can write to it, or it cannot be made, with the reason
     */
    static Path in(Path parent, String name) throws IOException {
        long user = FileFacts.user();
        var existing = parent;
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        if (!existing.equals(parent)) {
            requireSafe(existing.toRealPath(), user);
            Files.createDirectories(parent, ownersOnly());
        }
        var real = parent.toRealPath();
        requireSafe(real, user);
        var folder = real.resolve(name);
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            make(folder);
        }
        requireOwn(folder, user);
        return folder;
    }

    /**
     * Makes a folder of a name that nobody has used, for this process alone.
     *
     * @return its path without symbolic links
     * @throws IOException if it cannot be made, or others could exchange it, with the reason
     */
    static Path temporary(Path parent) throws IOException {
        var real = parent.toRealPath();
        if (FileFacts.of(real).letsOthersRename()) {
            throw new IOException(real + " can be written by others, and is not sticky");
        }
        return Files.createTempDirectory(real, "panoptim-", ownersOnly());
    }

    /** Permissions for new folders, and for files that are to be executed. */
    static FileAttribute<?> ownersOnly() {
        return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    }

    private static void make(Path folder) throws IOException {
        try {
            Files.createDirectory(folder, ownersOnly());
        } catch (FileAlreadyExistsException _) {
            // Another process was first; looked at like any other.
        }
    }

    private static void requireOwn(Path folder, long user) throws IOException {
        var facts = FileFacts.of(folder);
        if (!facts.isFolder()) {
            throw new IOException(folder + " is not a folder");
        }
        if (facts.owner() != user) {
            throw new IOException(folder + " belongs to another user");
        }
        if (facts.isWritableByOthers()) {
            throw new IOException(folder + " can be written by others");
        }
    }

    /** Refuses a path of which others can exchange a part. */
    private static void requireSafe(Path real, long user) throws IOException {
        for (var folder = real; folder != null; folder = folder.getParent()) {
            var facts = FileFacts.of(folder);
            if (facts.owner() != user && facts.owner() != ROOT) {
                throw new IOException(folder + " belongs to another user");
            }
            if (facts.letsOthersRename()) {
                throw new IOException(folder + " can be written by others");
            }
        }
    }
}
