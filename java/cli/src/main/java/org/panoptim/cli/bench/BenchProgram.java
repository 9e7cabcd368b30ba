package org.panoptim.cli.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The benchmarks; a service, since their libraries are many and nothing else needs them. */
public interface BenchProgram {

    /**
     * Measures, prints a table and writes a report.
     *
     * @param out receives the output
     * @param terminal where progress is drawn; if empty, lines go to standard error
     * @return the command's exit status
     * @throws IOException if a file cannot be read or written
     */
    int run(Options options, PrintWriter out, Optional<PrintStream> terminal) throws IOException;

    /**
     * The options of {@code panoptim bench}.
     *
     * @param quick whether to end within two minutes
     * @param workloads names of workloads; none: the usual ones
     * @param rules names of rules whose kernels are measured by themselves; none: the usual one
     * @param backend the backend to measure
     * @param parts what to measure; none: all
     * @param compare a former file of results
     * @param report the page to write
     * @param json the file of results to write
     * @param command the command line, for the report
     */
    record Options(
            boolean quick,
            List<String> workloads,
            List<String> rules,
            Optional<String> backend,
            List<String> parts,
            Optional<Path> compare,
            Path report,
            Path json,
            String command) {

        /** Copies the lists. */
        public Options {
            workloads = List.copyOf(workloads);
            rules = List.copyOf(rules);
            parts = List.copyOf(parts);
        }
    }
}
