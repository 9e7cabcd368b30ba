package org.panoptim.bench;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A workload's tensors in native memory. */
final class HostModel implements Model {

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final List<List<Parameter>> groups = new ArrayList<>();
    private final List<FloatView> values = new ArrayList<>();
    private final List<FloatView> gradients = new ArrayList<>();

    /** Of floats alone. */
    HostModel(Workload workload) {
        this(workload, Scenario.STEP);
    }

    HostModel(Workload workload, Scenario scenario) {
        for (var shapes : workload.groups()) {
            groups.add(shapes.stream().map(shape -> parameter(shape, scenario)).toList());
        }
        fill(values, VALUES);
        refillGradients();
    }

    private Parameter parameter(Shape shape, Scenario scenario) {
        var parameter = HostTensors.parameter("tensor" + values.size(), shape, scenario, arena);
        values.add(HostTensors.values(parameter));
        gradients.add(HostTensors.gradients(parameter));
        return parameter;
    }

    @Override
    public void refillGradients() {
        fill(gradients, GRADIENTS);
    }

    @Override
    public void refillBeforeStep() {}

    private static void fill(List<FloatView> tensors, long seed) {
        for (int tensor = 0; tensor < tensors.size(); tensor++) {
            new Numbers(seed, tensor).fill(tensors.get(tensor));
        }
    }

    @Override
    public List<List<Parameter>> groups() {
        return groups;
    }

    List<MemorySegment> values() {
        return values.stream().map(FloatView::memory).toList();
    }

    List<MemorySegment> gradients() {
        return gradients.stream().map(FloatView::memory).toList();
    }

    @Override
    public float value(int tensor, long index) {
        return values.get(tensor).get(index);
    }

    @Override
    public float gradient(int tensor, long index) {
        return gradients.get(tensor).get(index);
    }

    @Override
    public void setGradient(int tensor, long index, float gradient) {
        gradients.get(tensor).set(index, gradient);
    }

    /** A step on the host is done when its call returns. */
    @Override
    public void awaitSteps() {}

    /** More tensors of floats, as many, all zero; closed with the model. */
    List<MemorySegment> zeros() {
        return values.stream()
                .map(value -> arena.allocate(value.elements() * Float.BYTES, ALIGNMENT))
                .toList();
    }

    @Override
    public void close() {
        arena.close();
    }
}
