package org.panoptim;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.internal.checkpoint.Checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;

/** What can be done with checkpoints where there is no optimizer. */
public final class Checkpoints {

    private Checkpoints() {}

    /**
     * Makes one file of the folder that a {@linkplain Optimizer.Builder#shards team} has saved,
     * which {@link Optimizer#load} takes as it takes the folder. It is the file that an optimizer
     * without a team would have saved after the same steps, with the number of leaves in addition.
     *
     * <p>Everything is read and checked before anything is written, and passes through a buffer, so
     * that little memory is needed.
     *
     * @param folder as {@link Optimizer#save} has written it, and stays
     * @param file where to; written as a whole or not at all, or replaced
     * @throws CheckpointException if there is no complete checkpoint in the folder; nothing is
     *     written
     * @throws IOException if reading or writing fails; an old file is then as it was
     */
    public static void consolidate(Path folder, Path file) throws IOException {
        Objects.requireNonNull(folder, "folder");
        Objects.requireNonNull(file, "file");
        Checkpoint.consolidate(folder, file);
    }
}
