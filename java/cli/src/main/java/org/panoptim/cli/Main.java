package org.panoptim.cli;

import org.panoptim.cli.output.OutputException;
import org.panoptim.cli.output.ProcessStream;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** The command {@code panoptim}. */
@Command(
        name = "panoptim",
        description = "Fused optimizers for the JVM, with the same bits on every backend.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            DoctorCommand.class,
            RulesCommand.class,
            TrainCommand.class,
            ReplayCommand.class,
            VerifyCommand.class,
            BenchCommand.class,
            HelpCommand.class
        },
        footer = {
            "",
            "Examples:",
            "  ./panoptim train --epochs 5      compare optimizers on handwritten digits",
            "  ./panoptim rules adamw           a rule's settings, states and source",
            "  ./panoptim verify                every backend against the reference",
            "",
            "In a clone, ./panoptim test builds everything and runs all tests, and --yes installs"
                    + " without a question what is missing.",
            "",
            "Exit status: 0 success, 1 a check failed, 2 bad usage, input or output. Without a"
                    + " command this help goes to standard error, with status 2."
        })
public final class Main implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--debug",
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of an error.")
    private boolean debug;

    private Main() {}

    /** Reached when no command is named. */
    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return Failures.BAD_INPUT;
    }

    /** The command line, ready to execute arguments. */
    static CommandLine commandLine() {
        var main = new Main();
        var line = new CommandLine(main);
        line.getSubcommands()
                .values()
                .forEach(each -> each.getCommandSpec().versionProvider(new Version()));
        return line
                // A file's name may begin with @.
                .setExpandAtFiles(false)
                .registerConverter(Path.class, Main::path)
                .setExecutionStrategy(Main::execute)
                .setParameterExceptionHandler(Failures::explainUsage)
                .setExecutionExceptionHandler(
                        (exception, command, _) ->
                                Failures.explain(exception, command, main.debug));
    }

    /** Executes the arguments and ends the process with the command's exit status. */
    public static void main(String... arguments) {
        System.exit(execute(commandLine(), arguments));
    }

    private static Path path(String name) {
        try {
            return Path.of(name);
        } catch (InvalidPathException e) {
            throw new TypeConversionException(
                    "'%s' is no file's name: %s (file names are in %s here)"
                            .formatted(
                                    name, e.getReason(), System.getProperty("sun.jnu.encoding")));
        }
    }

    /**
     * Lets the handler of exceptions have those of help and version, too, and errors of linking.
     */
    private static int execute(ParseResult parsed) {
        try {
            return new RunLast().execute(parsed);
        } catch (OutputException e) {
            throw new ExecutionException(parsed.commandSpec().commandLine(), e.getMessage(), e);
        } catch (LinkageError e) {
            // Of native code that is not there, say; picocli's handler takes exceptions alone.
            throw new ExecutionException(
                    parsed.commandSpec().commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    private static int execute(CommandLine command, String... arguments) {
        command.setOut(ProcessStream.out()).setErr(ProcessStream.err());
        try {
            int status = command.execute(arguments);
            command.getOut().flush();
            command.getErr().flush();
            return status;
        } catch (OutputException e) {
            // From the last flush, or from printing the error itself.
            return Failures.explainOutput(e, command);
        }
    }
}
