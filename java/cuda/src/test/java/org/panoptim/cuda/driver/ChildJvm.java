package org.panoptim.cuda.driver;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Separate processes, with or without a driver. */
public final class ChildJvm {

    private ChildJvm() {}

    /** The output of a main class run with these environment variables; a value "" unsets one. */
    public static String run(Class<?> main, Map<String, String> environment, String... jvmArguments)
            throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        for (var property : List.of("java.io.tmpdir", "panoptim.cache")) {
            if (System.getProperty(property) != null) {
                command.add("-D" + property + "=" + System.getProperty(property));
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        // The last of several class paths counts.
        command.addAll(List.of(jvmArguments));
        command.add(main.getName());
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        environment.forEach(
                (name, value) -> {
                    if (value.isEmpty()) {
                        builder.environment().remove(name);
                    } else {
                        builder.environment().put(name, value);
                    }
                });
        var process = builder.start();
        var output = process.getInputStream().readAllBytes();
        process.waitFor();
        return new String(output, StandardCharsets.UTF_8);
    }

    /** Prints the result of a probe, in a separate process. */
    public static void print(CudaProbe probe) {
        System.out.println("available: " + probe.available());
        System.out.println("summary: " + probe.summary());
        probe.tried().forEach(line -> System.out.println("tried: " + line));
    }
}
