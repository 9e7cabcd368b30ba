package org.panoptim.bench.run;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The Java that measured processes are started with: this one, with the properties that the
 * benchmarks need and none of this process's other options.
 *
 * @param program the launcher
 * @param options what matters to speed, and is reported
 * @param properties where things are on this machine, which is nobody else's business
 */
record Jvm(Path program, List<String> options, List<String> properties) {

    private static final List<String> NAMES =
            List.of("panoptim.limit", "panoptim.peers", "panoptim.python", "panoptim.kernels");

    static Jvm current() {
        return new Jvm(
                Path.of(System.getProperty("java.home"), "bin", "java"),
                List.of(
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow"),
                NAMES.stream()
                        .filter(name -> System.getProperty(name) != null)
                        .map(name -> "-D" + name + "=" + System.getProperty(name))
                        .toList());
    }

    /** All arguments between the program and the main class. */
    List<String> arguments() {
        return Stream.concat(options.stream(), properties.stream()).toList();
    }
}
