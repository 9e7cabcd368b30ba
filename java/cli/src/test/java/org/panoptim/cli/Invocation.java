package org.panoptim.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A command that was run.
 *
 * @param status the exit status
 * @param out what it wrote to the standard output
 * @param err what it wrote to the standard error
 */
record Invocation(int status, String out, String err) {

    /** A command that was run in this process. */
    static Invocation of(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        var words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = arguments[i].toString();
        }
        int status =
                Main.commandLine()
                        .setOut(new PrintWriter(out, true))
                        .setErr(new PrintWriter(err, true))
                        .execute(words);
        return new Invocation(status, out.toString(), err.toString());
    }

    /**
     * A command that was run in a separate process.
     *
     * @param folder where its errors are kept
     * @param environment what is added to this process's
     * @param options the JVM's
     */
    static Invocation inProcess(
            Path folder, Map<String, String> environment, List<String> options, String... arguments)
            throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(Main.class.getName());
        command.addAll(List.of(arguments));
        var errors = folder.resolve("errors");
        var builder = new ProcessBuilder(command).redirectError(errors.toFile());
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        builder.environment().putAll(environment);
        var process = builder.start();
        var output = process.getInputStream().readAllBytes();
        return new Invocation(
                process.waitFor(),
                new String(output, StandardCharsets.UTF_8),
                Files.readString(errors));
    }
}
