package org.panoptim.simd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Runs programs. */
final class Commands {

    private Commands() {}

    /** What came of a program: its exit status, and its output with its errors. */
    record Result(int status, String output) {}

    static Result run(String... command) throws IOException, InterruptedException {
        return run(List.of(command), Map.of());
    }

    /** Runs with these variables set, and none of this project's that the tests came with. */
    static Result run(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("PANOPTIM_"));
        // Would add a line to the output.
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        builder.environment().putAll(environment);
        var process = builder.start();
        var output = process.getInputStream().readAllBytes();
        return new Result(process.waitFor(), new String(output, StandardCharsets.UTF_8));
    }
}
