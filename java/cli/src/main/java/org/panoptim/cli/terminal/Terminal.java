package org.panoptim.cli.terminal;

import java.io.PrintStream;
import java.util.Optional;

/** The terminal that this process writes to, if it does. */
public final class Terminal {

    /** How wide what is printed may be. */
    public static final int WIDTH = 80;

    private Terminal() {}

    /** Standard error, if it is a terminal. */
    public static Optional<PrintStream> find() {
        var console = System.console();
        return console != null && console.isTerminal() ? Optional.of(System.err) : Optional.empty();
    }
}
