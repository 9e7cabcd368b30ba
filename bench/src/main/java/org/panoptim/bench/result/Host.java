package org.panoptim.bench.result;

import org.panoptim.cli.Machine;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The machine that was measured.
 *
 * @param processor model, and how many processors there are
 * @param caches of one processor, by level
 * @param memory of the machine
 * @param system operating system
 * @param java the Java runtime
 * @param flags of the Java runtime
 * @param backend the backend's description
 * @param virtual whether that is the virtual GPU, whose times mean nothing
 */
public record Host(
        String processor,
        String caches,
        String memory,
        String system,
        String java,
        String flags,
        String backend,
        boolean virtual) {

    private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");
    private static final Path MEMORY = Path.of("/proc/meminfo");
    private static final String UNKNOWN = "unknown";

    /**
     * This machine.
     *
     * @param backend the description of the backend that is measured
     * @param virtual whether it is on the virtual GPU
     * @param flags what the measured processes are started with
     */
    public static Host current(String backend, boolean virtual, List<String> flags) {
        var machine = Machine.current();
        var inherited = ManagementFactory.getRuntimeMXBean().getInputArguments();
        return new Host(
                machine.processor(),
                cachesOfProcessor(),
                memoryOfMachine(),
                machine.system(),
                machine.java(),
                String.join(" ", flags.isEmpty() ? inherited : flags),
                backend,
                virtual);
    }

    private static String cachesOfProcessor() {
        var levels = new ArrayList<String>();
        try (var entries = Files.newDirectoryStream(CACHES, "index*")) {
            for (var entry : entries) {
                levels.add(
                        "L%s %s %s"
                                .formatted(
                                        line(entry, "level"),
                                        line(entry, "type").toLowerCase(Locale.ROOT),
                                        line(entry, "size")));
            }
        } catch (IOException _) {
            return UNKNOWN;
        }
        return levels.stream().sorted().collect(Collectors.joining(", "));
    }

    private static String line(Path folder, String file) throws IOException {
        return Files.readString(folder.resolve(file)).strip();
    }

    private static String memoryOfMachine() {
        try (var lines = Files.lines(MEMORY)) {
            return lines.filter(line -> line.startsWith("MemTotal:"))
                    .map(line -> line.replaceAll("[^0-9]", ""))
                    .map(
                            kilobytes ->
                                    "%d GiB"
                                            .formatted(
                                                    Math.round(
                                                            Long.parseLong(kilobytes) / 1048576.0)))
                    .findFirst()
                    .orElse(UNKNOWN);
        } catch (IOException _) {
            return UNKNOWN;
        }
    }
}
