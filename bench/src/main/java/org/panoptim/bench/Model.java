package org.panoptim.bench;

import org.panoptim.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** A workload's tensors in native memory: values and gradients, filled from a seed. */
final class Model implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();

    Model(Workload workload) {
        for (var shape : workload.shapes()) {
            long bytes = shape.elements() * Float.BYTES;
            var value = arena.allocate(bytes, ALIGNMENT);
            var gradient = arena.allocate(bytes, ALIGNMENT);
            values.add(value);
            gradients.add(gradient);
            parameters.add(
                    Parameter.of("tensor" + parameters.size(), shape, value).gradient(gradient));
        }
        fill(values, 1);
        refillGradients();
    }

    /** Gives the gradients their first values again. */
    void refillGradients() {
        fill(gradients, 2);
    }

    private static void fill(List<MemorySegment> tensors, long seed) {
        var random = new SplittableRandom(seed);
        for (var tensor : tensors) {
            for (long i = 0; i < tensor.byteSize() / Float.BYTES; i++) {
                tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
            }
        }
    }

    List<Parameter> parameters() {
        return parameters;
    }

    List<MemorySegment> values() {
        return values;
    }

    List<MemorySegment> gradients() {
        return gradients;
    }

    /** More tensors of the same sizes, all zero; closed with the model. */
    List<MemorySegment> zeros() {
        return values.stream().map(value -> arena.allocate(value.byteSize(), ALIGNMENT)).toList();
    }

    @Override
    public void close() {
        arena.close();
    }
}
