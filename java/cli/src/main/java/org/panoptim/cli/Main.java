package org.panoptim.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

import java.util.concurrent.Callable;

/** The command {@code panoptim}. */
@Command(
        name = "panoptim",
        description = "Fused optimizers for the JVM, with the same bits on every backend.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            DoctorCommand.class,
            TrainCommand.class,
            ReplayCommand.class,
            VerifyCommand.class,
            BenchCommand.class,
            HelpCommand.class
        },
        footer = {"", "Exit status: 0 success, 1 a check failed, 2 bad usage or input."})
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
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    /** The command line, ready to execute arguments. */
    static CommandLine commandLine() {
        var main = new Main();
        return new CommandLine(main)
                .setParameterExceptionHandler(Failures::explainUsage)
                .setExecutionExceptionHandler(
                        (exception, command, _) ->
                                Failures.explain(exception, command, main.debug));
    }

    /** Executes the arguments and ends the process with the command's exit status. */
    public static void main(String... arguments) {
        System.exit(commandLine().execute(arguments));
    }
}
