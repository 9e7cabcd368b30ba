package org.panoptim.parameter;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Parameters over memory of their own, and what lies in it. */
public final class Tensors {

    private Tensors() {}

    /** A vector that has no gradient yet. */
    public static Parameter vector(String name, float... values) {
        return tensor(name, Shape.of(values.length), values);
    }

    /** A vector that has no gradient yet, or for a rule that takes matrices alone one row. */
    public static Parameter fitting(UpdateRule rule, String name, float... values) {
        return rule instanceof MatrixRule
                ? tensor(name, Shape.of(1, values.length), values)
                : vector(name, values);
    }

    /** A tensor that has no gradient yet. */
    public static Parameter tensor(String name, Shape shape, float... values) {
        return Parameter.of(name, shape, MemorySegment.ofArray(values.clone()));
    }

    /** Gives a parameter a gradient in new memory. */
    public static Parameter gradient(Parameter parameter, float... values) {
        return parameter.gradient(MemorySegment.ofArray(values.clone()));
    }

    /** Gives a parameter curvature in new memory. */
    public static Parameter curvature(Parameter parameter, float... values) {
        return parameter.curvature(MemorySegment.ofArray(values.clone()));
    }

    /** The parameter's elements. */
    public static float[] values(Parameter parameter) {
        return floats(parameter.value());
    }

    /** The gradient's elements. */
    public static float[] gradientValues(Parameter parameter) {
        return floats(parameter.gradient().orElseThrow());
    }

    /** Native memory by its address; never touched where there is none. */
    @SuppressWarnings("restricted")
    public static MemorySegment memoryAt(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    private static float[] floats(Memory memory) {
        return ((HostMemory) memory).segment().toArray(ValueLayout.JAVA_FLOAT);
    }
}
