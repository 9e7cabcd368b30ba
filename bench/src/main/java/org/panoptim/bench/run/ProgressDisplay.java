package org.panoptim.bench.run;

import org.panoptim.cli.terminal.TerminalBar;

import java.io.PrintStream;
import java.util.Optional;

/** One bar for all that is measured; elsewhere than on a terminal, a line for each part. */
final class ProgressDisplay implements AutoCloseable {

    private final TerminalBar bar;

    /**
     * Begins to show progress.
     *
     * @param terminal where to draw; if empty, lines go to standard error
     */
    ProgressDisplay(Optional<PrintStream> terminal, int units) {
        bar = new TerminalBar(terminal);
        bar.begin("bench", units);
    }

    /** Shows what is measured next. */
    void begin(String name) {
        bar.next(name);
    }

    /** Counts one iteration. */
    void advance() {
        bar.step();
    }

    @Override
    public void close() {
        bar.end();
    }
}
