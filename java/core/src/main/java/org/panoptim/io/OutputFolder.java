package org.panoptim.io;

import org.panoptim.internal.MissingFile;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** A folder whose files belong together. */
public final class OutputFolder {

    private OutputFolder() {}

    /**
     * Makes a folder if there is none, and forces it to the disk.
     *
     * @param folder where; the folder that it is to be in must exist
     * @throws FileSystemException if something else is there, or it cannot be made
     * @throws IOException if it cannot be told
     */
    public static void create(Path folder) throws IOException {
        Objects.requireNonNull(folder, "folder");
        if (Files.isDirectory(folder)) {
            return;
        }
        if (Files.exists(folder)) {
            throw new FileSystemException(
                    folder.toString(), null, "expected a folder, got something else");
        }
        try {
            Files.createDirectory(folder);
        } catch (NoSuchFileException e) {
            throw MissingFile.because(e, folder, "the folder cannot be made");
        }
        if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            try (var parent = FileChannel.open(OutputFile.folder(folder.toAbsolutePath()))) {
                parent.force(true);
            }
        }
    }

    /**
     * Deletes temporary files that killed processes have left, of whatever {@link OutputFile} was
     * to become of them. What cannot be deleted stays, and so does what is being written.
     */
    public static void deleteAbandoned(Path folder) {
        TemporaryFile.deleteAllAbandoned(Objects.requireNonNull(folder, "folder"));
    }
}
