package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.RunFolder;
import org.panoptim.cli.run.RunRecord;

import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** What can be trained. */
interface TrainTask {

    /** Its name on the command line. */
    String name();

    /**
     * Trains with one optimizer after the other, prints a table and a sentence, and keeps the run.
     *
     * @param backend where Panoptim's optimizers compute; stays the caller's
     * @param terminal where to draw progress; if empty, lines go to standard error
     * @param stop whether to stop after the present step, with the results so far
     * @param out takes the lines of the output
     * @param folder where the run is kept
     * @param earlier runs of the task to compare it with, labelled
     * @return whether every optimizer learned
     * @throws IOException if the run cannot be kept
     */
    boolean train(
            Backend backend,
            Optional<PrintStream> terminal,
            BooleanSupplier stop,
            Consumer<String> out,
            RunFolder folder,
            List<RunRecord> earlier)
            throws IOException;
}
