package org.panoptim.cli;

import org.panoptim.backend.Backend;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** What can be trained. */
interface TrainTask {

    /**
     * Trains with one optimizer after the other, prints a table and writes the report.
     *
     * @param backend where Panoptim's optimizers compute; stays the caller's
     * @param terminal where to show the progress, if anywhere
     * @param stop whether to stop after the present step, with the results so far
     * @param out takes the lines of the output
     * @throws IOException if the report cannot be written
     */
    void train(
            Backend backend,
            Optional<PrintStream> terminal,
            BooleanSupplier stop,
            Consumer<String> out,
            Path report)
            throws IOException;
}
