package org.panoptim.bench.run;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The Java that measured processes are started with: this one, with the properties that the
 * benchmarks need and none of this process's other options.
 *
 * @param program the launcher
 * @param arguments options
 */
record Jvm(Path program, List<String> arguments) {

    private static final List<String> PROPERTIES =
            List.of("panoptim.limit", "panoptim.peers", "panoptim.python", "panoptim.kernels");

    static Jvm current() {
        var properties =
                PROPERTIES.stream()
                        .filter(name -> System.getProperty(name) != null)
                        .map(name -> "-D" + name + "=" + System.getProperty(name));
        return new Jvm(
                Path.of(System.getProperty("java.home"), "bin", "java"),
                Stream.concat(
                                Stream.of(
                                        "--enable-native-access=ALL-UNNAMED",
                                        "--sun-misc-unsafe-memory-access=allow"),
                                properties)
                        .toList());
    }
}
