package org.panoptim.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What this process runs on, in words.
 *
 * @param processor the model, and how many processors the process may use
 * @param system the operating system and its version
 * @param java the Java runtime and who made it
 */
public record Machine(String processor, String system, String java) {

    private static final Path LINUX_PROCESSORS = Path.of("/proc/cpuinfo");

    /** This machine. */
    public static Machine current() {
        int processors = Runtime.getRuntime().availableProcessors();
        return new Machine(
                model() + ", " + processors + (processors == 1 ? " processor" : " processors"),
                property("os.name") + " " + property("os.version") + ", " + property("os.arch"),
                property("java.runtime.version") + ", " + property("java.vendor"));
    }

    private static String model() {
        try (var lines = Files.lines(LINUX_PROCESSORS)) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(property("os.arch"));
        } catch (IOException _) {
            return property("os.arch");
        }
    }

    private static String property(String key) {
        return System.getProperty(key, "unknown");
    }
}
