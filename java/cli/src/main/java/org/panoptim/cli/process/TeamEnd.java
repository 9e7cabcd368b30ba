package org.panoptim.cli.process;

import java.util.Optional;

/**
 * How a member tells the process that started it that its team has ended, and why: all of them know
 * the reason, and one line is to be said of it.
 */
public final class TeamEnd {

    /** The exit status of such a member. */
    public static final int STATUS = 3;

    private static final String MARK = "\u0001the team has ended: ";

    private TeamEnd() {}

    /**
     * The line that it prints.
     *
     * @param reason without line breaks
     */
    public static String line(String reason) {
        return MARK + reason;
    }

    /** The reason that a line has, if it is such a one. */
    static Optional<String> reason(String line) {
        return line.startsWith(MARK)
                ? Optional.of(line.substring(MARK.length()))
                : Optional.empty();
    }
}
