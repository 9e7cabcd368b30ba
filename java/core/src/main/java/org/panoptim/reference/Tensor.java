package org.panoptim.reference;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A parameter with its states and its count of steps. */
final class Tensor {

    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    final Parameter parameter;
    final long elements;
    final MemorySegment value;
    final MemorySegment[] states;
    long count;

    /**
     * A parameter that has taken no step.
     *
     * @param states the memory of its states in slot order
     */
    Tensor(Parameter parameter, MemorySegment[] states) {
        this.parameter = parameter;
        this.elements = parameter.elements();
        this.value = segment(parameter.value());
        this.states = states;
    }

    /** Whether the coming step has a gradient for it. */
    boolean present() {
        return elements > 0 && parameter.hasGradient();
    }

    boolean hasCurvature() {
        return elements > 0 && parameter.hasCurvature();
    }

    MemorySegment gradient() {
        return segment(parameter.gradient().orElseThrow());
    }

    MemorySegment curvature() {
        return segment(parameter.curvature().orElseThrow());
    }

    static MemorySegment segment(Memory memory) {
        return ((HostMemory) memory).segment();
    }
}
