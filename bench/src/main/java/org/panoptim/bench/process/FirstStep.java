package org.panoptim.bench.process;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A small application: opens a backend, builds an optimizer over a few tensors, takes one step and
 * prints when each of these was done, in nanoseconds since main began.
 *
 * <p>It does nothing else that takes time in a fresh process: what it measures is the library.
 */
public final class FirstStep {

    /** What the printed line begins with; three numbers follow, separated by spaces. */
    static final String MARK = "first-step";

    private static final List<Shape> SHAPES =
            List.of(Shape.of(64, 128), Shape.of(128), Shape.of(128, 10), Shape.of(10));

    private static final List<String> NAMES =
            List.of("hidden.weight", "hidden.bias", "output.weight", "output.bias");

    private FirstStep() {}

    /**
     * Takes the step.
     *
     * @param arguments the backend's name
     */
    public static void main(String[] arguments) {
        long begun = System.nanoTime();
        var buffers = new ArrayList<Buffer>();
        try (var backend = Backend.named(arguments[0])) {
            long opened = System.nanoTime();
            try (var optimizer =
                    Optimizer.builder(AdamW.defaults())
                            .group("all", model(backend, buffers))
                            .backend(backend)
                            .build()) {
                long built = System.nanoTime();
                optimizer.step();
                // A device is still at work until somebody asks.
                var report = optimizer.report();
                long stepped = System.nanoTime();
                if (report.step() != 1) {
                    throw new IllegalStateException("no step was taken: " + report);
                }
                // Joined, since the first concatenation of a process takes longer than the print.
                System.out.println(
                        String.join(
                                " ",
                                MARK,
                                Long.toString(opened - begun),
                                Long.toString(built - begun),
                                Long.toString(stepped - begun)));
            }
            buffers.forEach(Buffer::close);
        }
    }

    private static List<Parameter> model(Backend backend, List<Buffer> buffers) {
        var parameters = new ArrayList<Parameter>();
        for (var shape : SHAPES) {
            var value = filled(backend, shape, 1);
            var gradient = filled(backend, shape, 0.5f);
            buffers.add(value);
            buffers.add(gradient);
            parameters.add(
                    Parameter.of(NAMES.get(parameters.size()), shape, value.memory())
                            .gradient(gradient.memory()));
        }
        return parameters;
    }

    private static Buffer filled(Backend backend, Shape shape, float number) {
        var numbers = new float[Math.toIntExact(shape.elements())];
        Arrays.fill(numbers, number);
        var buffer = backend.allocate((long) numbers.length * Float.BYTES);
        buffer.write(0, MemorySegment.ofArray(numbers));
        return buffer;
    }
}
