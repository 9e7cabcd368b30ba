package org.panoptim.cli.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Optional;

/** The benchmarks; a service, since their libraries are many and nothing else needs them. */
public interface BenchProgram {

    /**
     * Measures, prints a table and writes a report.
     *
     * @param out what is printed
     * @param terminal where progress is shown, if anywhere
     * @return the command's exit status
     * @throws IOException if a file cannot be read or written
     */
    int run(BenchOptions options, PrintWriter out, Optional<PrintStream> terminal)
            throws IOException;
}
