package org.panoptim.cli.terminal;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/** The terminal that standard error goes to, if it goes to one. */
public final class Terminal {

    /** How wide what is printed may be. */
    public static final int WIDTH = 80;

    private static final Path STANDARD_ERROR = Path.of("/dev/stderr");

    private Terminal() {}

    /** Standard error, if it is a terminal on which a line can be drawn again. */
    public static Optional<PrintStream> find() {
        return columns().isPresent() ? Optional.of(System.err) : Optional.empty();
    }

    /**
     * How wide the terminal's window is now; empty if standard error is no terminal, or one that
     * has no control sequences. Asks {@code stty}: {@link System#console} tells of standard input
     * and output, and no class of the JDK tells a width.
     */
    static OptionalInt columns() {
        if ("dumb".equals(System.getenv("TERM"))) {
            return OptionalInt.empty();
        }
        try {
            // Not of a pipe or a file, which need no process to be told.
            if (!STANDARD_ERROR.toRealPath().startsWith("/dev")) {
                return OptionalInt.empty();
            }
            var process =
                    new ProcessBuilder("stty", "size")
                            .redirectInput(Redirect.from(STANDARD_ERROR.toFile()))
                            .redirectError(Redirect.DISCARD)
                            .start();
            var size = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.waitFor() == 0 ? columns(size) : OptionalInt.empty();
        } catch (IOException _) {
            return OptionalInt.empty();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return OptionalInt.empty();
        }
    }

    /** The second of two numbers; a terminal that was told no size has zeros. */
    static OptionalInt columns(String size) {
        var numbers = size.strip().split(" ");
        if (numbers.length != 2 || !numbers[1].matches("\\d{1,6}")) {
            return OptionalInt.empty();
        }
        int columns = Integer.parseInt(numbers[1]);
        return OptionalInt.of(columns == 0 ? WIDTH : columns);
    }
}
