package org.panoptim.bench.process;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;

/** Measures what rules' states take of a process's memory. */
public final class StateMemory {

    /** A heap that is resident from the beginning does not grow. */
    private static final List<String> STILL_HEAP =
            List.of("-Xms128m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:+AlwaysPreTouch");

    private StateMemory() {}

    /** Whether this system reports a process's memory: Linux does. */
    public static boolean isMeasurable() {
        return Files.isReadable(StatesInMemory.ROLLUP);
    }

    /**
     * By how many bytes for each parameter a fresh process grows when it builds an optimizer and
     * takes two steps, as the median of several times.
     *
     * @param backend one on the host
     * @param rule the rule's index in {@link StatefulRule#all}
     * @throws IllegalStateException if the process fails, with its output
     */
    public static double measure(String backend, int rule) throws IOException {
        try (var temporary = TemporaryFolder.create()) {
            var words =
                    new FreshJava(temporary.path(), StartUp.Driver.INHERITED)
                            .run(
                                    "the optimizer of rule " + StatefulRule.all().get(rule).title(),
                                    StatesInMemory.class,
                                    StatesInMemory.MARK,
                                    STILL_HEAP,
                                    backend,
                                    Integer.toString(rule))
                            .words();
            return Double.parseDouble(words.get(0)) / Long.parseLong(words.get(1));
        }
    }
}
