package org.panoptim.reference;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.panoptim.DType;
import org.panoptim.HostMemory;
import org.panoptim.Memory;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.StateTensor;
import org.panoptim.rule.Slot;

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
        return new State(parameter, slots.get(slot).name(), states[slot]);
    }

    static MemorySegment segment(Memory memory) {
        return ((HostMemory) memory).segment();
    }

    private record State(Parameter owner, String slot, MemorySegment values)
            implements StateTensor {

        @Override
        public String parameter() {
            return owner.name();
        }

        @Override
        public Shape shape() {
            return owner.shape();
        }

        @Override
        public DType dtype() {
            return DType.F32;
        }

        @Override
        public void read(long offset, MemorySegment destination) {
            MemorySegment.copy(values, offset, destination, 0, destination.byteSize());
        }

        @Override
        public void write(long offset, MemorySegment source) {
            MemorySegment.copy(source, 0, values, offset, source.byteSize());
        }
    }
}
