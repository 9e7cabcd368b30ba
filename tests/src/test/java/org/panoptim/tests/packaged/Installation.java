package org.panoptim.tests.packaged;

import org.panoptim.tests.Project;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The command line as the build left it, without sources, in a folder of any name, and as if the
 * launcher had found that the cache of classes cannot be made; and what shells say that start it.
 * File names beyond ASCII are the shell's business, since a Java in the locale C has none.
 */
final class Installation {

    /**
     * What a shell came to.
     *
     * @param status its exit status
     * @param out standard output
     * @param err standard error
     */
    record Outcome(int status, String out, String err) {}

    private static final String SETUP =
            """
            home=$(printf "$NAME")
            mkdir -p "$home"/{scripts,java/cli/target}
            cp "$ROOT/panoptim" "$home"
            cp -r "$ROOT"/scripts/{find-jdk,help} "$home/scripts"
            cp "$ROOT"/java/cli/target/panoptim-cli-*.jar "$home/java/cli/target"
            cp -rl "$ROOT/java/cli/target/lib" "$home/java/cli/target" 2>/dev/null || {
                rm -rf "$home/java/cli/target/lib"
                ln -s "$ROOT/java/cli/target/lib" "$home/java/cli/target"
            }
            touch -d '1 minute ago' "$home/java/cli/target/launcher.stamp"
            touch "$home/java/cli/target/$CACHE"
            """;

    private final Path folder;
    private final String name;

    /**
     * Puts an installation into a folder of this name.
     *
     * @param folder where; the shells are started in it
     * @param name a format of the shell's {@code printf}, so that it can name any byte
     */
    Installation(Path folder, String name) throws IOException, InterruptedException {
        this.folder = folder;
        this.name = name;
        var setup = bash(SETUP, Map.of());
        if (setup.status() != 0) {
            throw new AssertionError(setup.toString());
        }
    }

    /**
     * Runs a script of the shell, in which {@code $home} is the installation, {@code $CACHE} the
     * name of its cache of classes, and {@code $ROOT} the project's folder.
     *
     * @param environment what is set in it, besides
     */
    Outcome run(String script, Map<String, String> environment)
            throws IOException, InterruptedException {
        return bash("home=$PWD/$(printf \"$NAME\")\n" + script, environment);
    }

    private Outcome bash(String script, Map<String, String> environment)
            throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("bash", "-euo", "pipefail", "-c", script));
        var errors = folder.resolve("errors");
        var builder =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectError(errors.toFile());
        var variables = builder.environment();
        variables
                .keySet()
                .removeIf(name -> name.startsWith("PANOPTIM_") || name.equals("JAVA_TOOL_OPTIONS"));
        variables.put("ROOT", Project.root().toString());
        variables.put("NAME", name);
        variables.put("CACHE", "launcher-" + System.getProperty("java.runtime.version") + ".aot");
        variables.put("JAVA_HOME", System.getProperty("java.home"));
        // The user's cache is left alone.
        variables.put("PANOPTIM_JAVA_OPTIONS", "-Dpanoptim.cache=" + folder.resolve("cache"));
        variables.putAll(environment);
        var process = builder.start();
        var output = process.getInputStream().readAllBytes();
        return new Outcome(
                process.waitFor(),
                new String(output, StandardCharsets.UTF_8),
                Files.readString(errors));
    }
}
