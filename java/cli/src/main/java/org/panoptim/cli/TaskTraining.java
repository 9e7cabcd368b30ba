package org.panoptim.cli;

import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;

import java.io.IOException;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Consumer;

/** A training of a task: it runs once, and what came of it is shown and kept then. */
interface TaskTraining {

    /** Trains with one optimizer after the other, until all are done or a stop is requested. */
    void run();

    /**
     * SHA-256 of the final parameters by optimizer, where a team trains: of their bytes in
     * registration order, and of several seeds' one after the other. None of an optimizer that was
     * stopped. Asked once.
     */
    SequencedMap<String, String> digests();

    /**
     * Prints a table and a sentence of what came of it, and keeps the run.
     *
     * @param out takes the lines of the output
     * @param folder where the run is kept
     * @param earlier runs of the task to compare it with, labelled
     * @return whether every optimizer learned
     * @throws IOException if the run cannot be kept
     */
    boolean keep(Consumer<String> out, RunFolder folder, List<RunRecord> earlier)
            throws IOException;
}
