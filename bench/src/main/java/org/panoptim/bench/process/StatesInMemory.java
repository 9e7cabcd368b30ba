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
import java.util.ArrayList;
import java.util.List;

/**
 * A small application that prints by how much its resident memory grows when it builds an optimizer
 * and takes two steps: bytes, and how many parameters it has.
 */
public final class StatesInMemory {

    /** What the printed line begins with. */
    static final String MARK = "states-in-memory";

    /** What the kernel reports of the process's memory. */
    static final Path ROLLUP = Path.of("/proc/self/smaps_rollup");

    private static final int TENSORS = 16;
    private static final int ELEMENTS = 1 << 20;
    private static final String RESIDENT = "Rss:";
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
            var model = model(arena, TENSORS, ELEMENTS);
            // Once before, so that code is loaded and threads have their stacks.
            resident();
            optimizer(backend, rule, model(arena, 1, TENSORS)).close();
            long before = resident();
            try (var _ = optimizer(backend, rule, model)) {
                long grown = resident() - before;
                System.out.println(MARK + " " + grown + " " + (long) TENSORS * ELEMENTS);
            }
        }
    }

    private static Optimizer optimizer(Backend backend, UpdateRule rule, List<Parameter> model) {
        var optimizer = Optimizer.builder(rule).group("all", model).backend(backend).build();
        optimizer.step();
        optimizer.step();
        return optimizer;
    }

    private static List<Parameter> model(Arena arena, int tensors, int elements) {
        var parameters = new ArrayList<Parameter>();
        for (int i = 0; i < tensors; i++) {
            var value = arena.allocate(ValueLayout.JAVA_FLOAT, elements).fill((byte) 1);
            var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, elements).fill((byte) 1);
            parameters.add(
                    Parameter.of(elements + "-" + i, Shape.of(elements), value).gradient(gradient));
        }
        return parameters;
    }

    private static long resident() throws IOException {
        for (var line : Files.readAllLines(ROLLUP)) {
            if (line.startsWith(RESIDENT)) {
                var kibibytes = line.substring(RESIDENT.length()).replace("kB", "").strip();
                return KIBI * Long.parseLong(kibibytes);
            }
        }
        throw new IOException(ROLLUP + " does not have " + RESIDENT);
    }
}
