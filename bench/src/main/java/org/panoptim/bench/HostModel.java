package org.panoptim.bench;

import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A workload's tensors in native memory. */
final class HostModel implements Model {

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final List<List<Parameter>> groups = new ArrayList<>();
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<MemorySegment> gradients = new ArrayList<>();

    HostModel(Workload workload) {
        for (var shapes : workload.groups()) {
            groups.add(shapes.stream().map(this::parameter).toList());
        }
        fill(values, VALUES);
        refillGradients();
    }

    private Parameter parameter(Shape shape) {
        long bytes = shape.elements() * Float.BYTES;
        var name = "tensor" + values.size();
        var value = arena.allocate(bytes, ALIGNMENT);
        var gradient = arena.allocate(bytes, ALIGNMENT);
        values.add(value);
        gradients.add(gradient);
        return Parameter.of(name, shape, value).gradient(gradient);
    }

    @Override
    public void refillGradients() {
        fill(gradients, GRADIENTS);
    }

    @Override
    public void refillBeforeStep() {}

    private static void fill(List<MemorySegment> tensors, long seed) {
        for (int tensor = 0; tensor < tensors.size(); tensor++) {
            new Numbers(seed, tensor).fill(tensors.get(tensor));
        }
    }

    @Override
    public List<List<Parameter>> groups() {
        return groups;
    }

    List<MemorySegment> values() {
        return values;
    }

    List<MemorySegment> gradients() {
        return gradients;
    }

    @Override
    public float value(int tensor, long index) {
        return values.get(tensor).getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    @Override
    public float gradient(int tensor, long index) {
        return gradients.get(tensor).getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    @Override
    public void setGradient(int tensor, long index, float gradient) {
        gradients.get(tensor).setAtIndex(ValueLayout.JAVA_FLOAT, index, gradient);
    }

    /** A step on the host is done when its call returns. */
    @Override
    public void awaitSteps() {}

    /** More tensors of the same sizes, all zero; closed with the model. */
    List<MemorySegment> zeros() {
        return values.stream().map(value -> arena.allocate(value.byteSize(), ALIGNMENT)).toList();
    }

    @Override
    public void close() {
        arena.close();
    }
}
