package org.panoptim.tests.equivalence;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** A backend with memory and optimizers for one test, all closed in the right order at its end. */
final class BackendFixture implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Backend backend;
    private final Deque<Optimizer> optimizers = new ArrayDeque<>();

    BackendFixture(SuiteBackend subject) {
        backend = subject.openOnHost();
    }

    Backend backend() {
        return backend;
    }

    /** Native memory with these floats. */
    MemorySegment floats(float... values) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    /** Native memory with these floats, rounded to a type. */
    MemorySegment elements(DType type, float... values) {
        var view =
                new FloatView(
                        arena.allocate((long) values.length * type.byteSize(), Float.BYTES), type);
        for (int i = 0; i < values.length; i++) {
            view.set(i, values[i]);
        }
        return view.memory();
    }

    /** An output of a type in native memory, with these floats in it. */
    Output output(DType type, float... values) {
        return new Output(type, new HostMemory(elements(type, values)));
    }

    /** What is in an output. */
    static float[] values(Output output) {
        return floats(FloatView.of(output.memory(), output.type()));
    }

    private static float[] floats(FloatView view) {
        var values = new float[Math.toIntExact(view.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = view.get(i);
        }
        return values;
    }

    /** Native memory with this float many times. */
    MemorySegment repeated(float value, int times) {
        var memory = arena.allocate(ValueLayout.JAVA_FLOAT, times);
        for (int i = 0; i < times; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return memory;
    }

    Parameter parameter(String name, float... values) {
        return parameter(name, floats(values));
    }

    static Parameter parameter(String name, MemorySegment values) {
        return Parameter.of(name, Shape.of(values.byteSize() / Float.BYTES), values);
    }

    /** An optimizer with one group of these parameters and default options. */
    Optimizer optimizer(UpdateRule rule, Parameter... parameters) {
        return build(builder(rule).group("all", List.of(parameters)));
    }

    Optimizer.Builder<UpdateRule> builder(UpdateRule rule) {
        return Optimizer.builder(rule).backend(backend);
    }

    Optimizer build(Optimizer.Builder<UpdateRule> builder) {
        var optimizer = builder.build();
        optimizers.push(optimizer);
        return optimizer;
    }

    /** The optimizers built here, the last one first. */
    Deque<Optimizer> optimizers() {
        return optimizers;
    }

    static float[] values(Parameter parameter) {
        return floats(FloatView.of(parameter.value(), parameter.dtype()));
    }

    static float value(Parameter parameter) {
        return values(parameter)[0];
    }

    @Override
    public void close() {
        optimizers.forEach(Optimizer::close);
        backend.close();
        arena.close();
    }
}
