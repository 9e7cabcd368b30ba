package org.panoptim.bench.process;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * A small application that prints by how much its memory grows when it builds an optimizer and
 * takes two steps: bytes, and how many parameters it has.
 *
 * <p>A virtual machine allocates all the time, most of it while it compiles: megabytes for a loop.
 * So the optimizer is built over and over, the first time without looking, and the growth is the
 * median of the others. Files that are mapped, and go out of memory as the system likes, do not
 * count.
 */
public final class StatesInMemory {

    /** What the printed line begins with. */
    static final String MARK = "states-in-memory";

    /** What the kernel reports of the process's memory. */
    static final Path ROLLUP = Path.of("/proc/self/smaps_rollup");

    private static final int ROUNDS = 5;

    /**
     * A state of as many floats is larger than 32 MiB, so that the C library gives its memory back
     * when it is freed, and every round needs all of it anew.
     */
    private static final int ELEMENTS = 1 << 24;

    private static final String ANONYMOUS = "Anonymous:";
    private static final long KIBI = 1024;

    private StatesInMemory() {}

    /**
     * Measures.
     *
     * @param arguments the backend's name, and the index of the rule in {@link StatefulRule#all}
     */
    public static void main(String[] arguments) throws IOException {
        var rule = StatefulRule.all().get(Integer.parseInt(arguments[1])).rule();
        try (var backend = Backend.named(arguments[0]);
                var arena = Arena.ofShared()) {
            var weight = weight(arena);
            grown(backend, rule, weight);
            var growths = new long[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                growths[round] = grown(backend, rule, weight);
            }
            Arrays.sort(growths);
            System.out.println(MARK + " " + growths[ROUNDS / 2] + " " + ELEMENTS);
        }
    }

    private static long grown(Backend backend, UpdateRule rule, Parameter weight)
            throws IOException {
        long before = anonymous();
        try (var optimizer =
                Optimizer.builder(rule).group("all", List.of(weight)).backend(backend).build()) {
            optimizer.step();
            optimizer.step();
            return anonymous() - before;
        }
    }

    private static Parameter weight(Arena arena) {
        var value = arena.allocate(ValueLayout.JAVA_FLOAT, ELEMENTS).fill((byte) 1);
        var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, ELEMENTS).fill((byte) 1);
        return Parameter.of("weight", Shape.of(ELEMENTS), value).gradient(gradient);
    }

    private static long anonymous() throws IOException {
        for (var line : Files.readAllLines(ROLLUP)) {
            if (line.startsWith(ANONYMOUS)) {
                var kibibytes = line.substring(ANONYMOUS.length()).replace("kB", "").strip();
                return KIBI * Long.parseLong(kibibytes);
            }
        }
        throw new IOException(ROLLUP + " does not have " + ANONYMOUS);
    }
}
