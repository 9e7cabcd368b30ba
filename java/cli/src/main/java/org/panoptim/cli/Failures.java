package org.panoptim.cli;

import org.panoptim.UnusableOptimizerException;
import org.panoptim.cli.output.OutputException;
import org.panoptim.cli.process.TeamEnd;
import org.panoptim.cli.terminal.NearNames;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.UnsupportedPlanException;

import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/** Turns exceptions into one line on the standard error and an exit status. */
final class Failures {

    /** A check failed, or the program did. */
    static final int CHECK_FAILED = 1;

    /** The arguments, or what they name, cannot be used; or the output cannot be written. */
    static final int BAD_INPUT = 2;

    /**
     * What the shell shows of a program that ended since nobody reads what it prints: 128 +
     * SIGPIPE.
     */
    private static final int READER_GONE = 141;

    private static final int LONGEST_LINE = 1000;

    private Failures() {}

    /** Explains arguments that do not fit. */
    static int explainUsage(ParameterException exception, String[] arguments) {
        var command = exception.getCommandLine();
        print(command, usageProblem(exception) + " (see " + name(command) + " --help)");
        return BAD_INPUT;
    }

    /** What does not fit, in the words of users and not of Java. */
    private static String usageProblem(ParameterException exception) {
        var commands = exception.getCommandLine().getSubcommands().keySet();
        if (exception instanceof UnmatchedArgumentException unmatched && !commands.isEmpty()) {
            var typed = unmatched.getUnmatched().getFirst();
            if (!typed.startsWith("-")) {
                var near = NearNames.of(typed, commands);
                return "there is no command '%s'%s"
                        .formatted(
                                typed,
                                near.isEmpty() ? "" : "; near it is " + String.join(", ", near));
            }
        }
        return exception
                .getMessage()
                .replaceFirst("is not an? (int|long)$", "is not a whole number")
                .replaceFirst("is not a double$", "is not a number");
    }

    /** Explains a command that failed. */
    static int explain(Exception exception, CommandLine command, boolean debug) {
        if (exception instanceof OutputException output && output.readerGone()) {
            return READER_GONE;
        }
        if (debug) {
            exception.printStackTrace(command.getErr());
        }
        switch (exception) {
            case OutputException output -> print(command, output.getMessage());
            case InputException input -> print(command, input.getMessage());
            case UnsupportedPlanException unsupported -> print(command, unsupported.getMessage());
            case IOException file -> print(command, describe(file));
            case TeamException team -> {
                return explain(team, command);
            }
            // The run is over in any case, wherever in a step it was.
            case UnusableOptimizerException lost
                    when lost.getCause() instanceof TeamException e -> {
                return explain(e, command);
            }
            default -> {
                print(
                        command,
                        missingNatives(exception)
                                .orElseGet(
                                        () ->
                                                "internal error: "
                                                        + exception
                                                        + (debug ? "" : " (--debug tells more)")));
                return CHECK_FAILED;
            }
        }
        return BAD_INPUT;
    }

    /** Explains why a team has ended: to who started its members, if that is not the user. */
    private static int explain(TeamException end, CommandLine command) {
        var reason = String.valueOf(end.getMessage());
        if (command.getCommand() instanceof TrainCommand train && train.isHeld()) {
            command.getOut().println(TeamEnd.line(printable(reason)));
            return TeamEnd.STATUS;
        }
        print(command, reason);
        return CHECK_FAILED;
    }

    /** What to say where the reason is native code that cannot be loaded. */
    private static Optional<String> missingNatives(Throwable exception) {
        return Stream.<Throwable>iterate(exception, Objects::nonNull, Throwable::getCause)
                .filter(UnsatisfiedLinkError.class::isInstance)
                .findFirst()
                .map(
                        error ->
                                "native code that this needs cannot be loaded on %s, %s: %s"
                                        .formatted(
                                                System.getProperty("os.name"),
                                                System.getProperty("os.arch"),
                                                error.getMessage()));
    }

    /** Explains why nothing more can be printed, where that is possible. */
    static int explainOutput(OutputException exception, CommandLine command) {
        try {
            return explain(exception, command, false);
        } catch (OutputException _) {
            return BAD_INPUT;
        }
    }

    /** An exception of files in words. */
    static String describe(IOException exception) {
        return switch (exception) {
            case NoSuchFileException missing when missing.getReason() == null ->
                    missing.getFile() + ": there is no such file";
            case AccessDeniedException denied -> denied.getFile() + ": access is denied";
            case FileSystemException other -> other.getMessage();
            default -> String.valueOf(exception.getMessage());
        };
    }

    private static void print(CommandLine command, String message) {
        command.getErr().println(name(command) + ": " + printable(message));
        command.getErr().flush();
    }

    /** A line: parts of it may come from a file, and must not reach the terminal as commands. */
    private static String printable(String message) {
        var line = message.replaceAll("[\\p{Cntrl}\\p{Cf}]+", " ");
        return line.length() > LONGEST_LINE ? line.substring(0, LONGEST_LINE) + "…" : line;
    }

    private static String name(CommandLine command) {
        return command.getCommandSpec().qualifiedName();
    }
}
