package org.panoptim.bench.run;

import org.panoptim.cli.terminal.TerminalBar;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Optional;

/**
 * A progress bar with the time that is left; elsewhere than on a terminal, a line for each part.
 */
final class ProgressDisplay implements AutoCloseable {

    private final TerminalBar bar;
    private final Optional<PrintWriter> lines;

    ProgressDisplay(Optional<PrintStream> terminal, PrintWriter out, int units) {
        bar = new TerminalBar(terminal);
        lines = terminal.isPresent() ? Optional.empty() : Optional.of(out);
        bar.begin("bench", units);
    }

    /** Shows what is measured next. */
    void begin(String name) {
        bar.message(name);
        lines.ifPresent(
                out -> {
                    out.println("measuring " + name);
                    out.flush();
                });
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
