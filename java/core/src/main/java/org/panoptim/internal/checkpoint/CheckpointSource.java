package org.panoptim.internal.checkpoint;

import org.panoptim.internal.MissingFile;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SequencedMap;

/** Where a checkpoint comes from: one file, or the folder of a team. */
sealed interface CheckpointSource extends AutoCloseable permits WholeFile, MemberFiles {

    /**
     * Opens a file or a folder, and checks all of it but the elements of tensors.
     *
     * @throws NoSuchFileException if there is neither; the message says so
     */
    static CheckpointSource open(Path path) throws IOException {
        try {
            return Files.isDirectory(path) ? MemberFiles.open(path) : WholeFile.open(path);
        } catch (NoSuchFileException e) {
            throw MissingFile.because(
                    e, path, "there is no checkpoint, neither a file nor the folder of a team");
        }
    }

    /** What messages name. */
    Path path();

    /** The metadata of the one file that has it all. */
    Map<String, String> metadata();

    /** Whether damage is noticed. */
    boolean hasChecksums();

    /** Text that no other checkpoint has. */
    String identity();

    /** The whole tensors by name, in the order of the one file that has them all. */
    SequencedMap<String, SavedTensor> tensors();

    /** The types of tensors by name that cannot be read. */
    Map<String, String> unreadable();

    /**
     * Copies bytes of a tensor, and checks all that is read for that.
     *
     * @param offset the first byte to copy
     * @param destination native memory for as many as are copied
     */
    void read(String tensor, long offset, MemorySegment destination) throws IOException;

    @Override
    void close() throws IOException;
}
