package org.panoptim.simd;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * How a search ended, in another process.
 *
 * @param lines what {@link Probe} printed
 */
record Search(List<String> lines) {

    /** Runs the search with these system properties and environment variables. */
    static Search with(Map<String, String> properties, Map<String, String> environment)
            throws IOException, InterruptedException {
        return run(System.getProperty("java.class.path"), properties, environment);
    }

    static Search run(
            String classPath, Map<String, String> properties, Map<String, String> environment)
            throws IOException, InterruptedException {
        return new Search(output(Probe.class, classPath, properties, environment));
    }

    /** What a program printed, errors included. */
    static List<String> output(
            Class<?> main,
            String classPath,
            Map<String, String> properties,
            Map<String, String> environment)
            throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-XX:TieredStopAtLevel=1");
        properties.forEach((name, value) -> command.add("-D" + name + "=" + value));
        command.addAll(List.of("-cp", classPath, main.getName()));
        var result = Commands.run(command, environment);
        if (result.status() != 0) {
            throw new AssertionError("the search failed:\n" + result.output());
        }
        return result.output().lines().toList();
    }

    boolean available() {
        return Boolean.parseBoolean(only(Probe.AVAILABLE));
    }

    String summary() {
        return only(Probe.SUMMARY);
    }

    List<String> tried() {
        return all(Probe.TRIED).toList();
    }

    /** The backend that {@code Backend.best()} took. */
    String best() {
        return only(Probe.BEST);
    }

    /** What opening the backend by name gave: its description, or why it could not be opened. */
    String opened() {
        return only(Probe.OPENED);
    }

    private String only(String start) {
        return all(start).findFirst().orElseThrow();
    }

    private Stream<String> all(String start) {
        return lines.stream()
                .filter(line -> line.startsWith(start))
                .map(line -> line.substring(start.length()));
    }
}
