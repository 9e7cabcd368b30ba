package org.panoptim.bench;

import org.panoptim.Parameter;
import org.panoptim.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A workload's tensors in native memory: values and gradients, filled from a seed. */
final class Model implements AutoCloseable {

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final List<List<Parameter>> groups = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();

    Model(Workload workload) {
        for (var shapes : workload.groups()) {
            groups.add(shapes.stream().map(this::parameter).toList());
        }
        fill(values, 1);
        refillGradients();
    }

    private Parameter parameter(Shape shape) {
        long bytes = shape.elements() * Float.BYTES;
        var value = arena.allocate(bytes, ALIGNMENT);
        var gradient = arena.allocate(bytes, ALIGNMENT);
        values.add(value);
        gradients.add(gradient);
        var parameter = Parameter.of("tensor" + parameters.size(), shape, value).gradient(gradient);
        parameters.add(parameter);
        return parameter;
    }

    /** Gives the gradients their first values again. */
    void refillGradients() {
        fill(gradients, 2);
    }

    /** Numbers between -1 and 1; a function of seed, tensor and place that a machine does fast. */
    private static void fill(List<MemorySegment> tensors, long seed) {
        for (int tensor = 0; tensor < tensors.size(); tensor++) {
            fill(tensors.get(tensor), seed * 1_000_003 + tensor);
        }
    }

    private static void fill(MemorySegment tensor, long seed) {
        int state = (int) seed * 0x9E3779B9 + 1;
        long elements = tensor.byteSize() / Float.BYTES;
        for (long i = 0; i < elements; i++) {
            state = state * 1_664_525 + 1_013_904_223;
            tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, (state >> 8) * 0x1p-23f);
        }
    }

    /** The parameters by group. */
    List<List<Parameter>> groups() {
        return groups;
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
