package org.panoptim.reference;

import org.panoptim.DType;
import org.panoptim.HostMemory;
import org.panoptim.Memory;
import org.panoptim.Parameter;
import org.panoptim.StateTensor;
import org.panoptim.rule.Slot;
import org.panoptim.spi.HostState;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A parameter with its states and its count of steps. */
final class Tensor {

    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    final Parameter parameter;
    final long elements;
    final MemorySegment value;
    final List<Slot> slots;
    final MemorySegment[] states;
    long count;

    Tensor(Parameter parameter, List<Slot> slots, Arena arena) {
        this.parameter = parameter;
        this.elements = parameter.elements();
        this.value = segment(parameter.value());
        this.slots = slots;
        this.states = new MemorySegment[slots.size()];
        for (int i = 0; i < states.length; i++) {
            states[i] = arena.allocate(FLOAT, elements);
        }
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

    StateTensor state(int slot) {
        return new HostState(parameter, slots.get(slot).name(), DType.F32, states[slot]);
    }

    static MemorySegment segment(Memory memory) {
        return ((HostMemory) memory).segment();
    }
}
