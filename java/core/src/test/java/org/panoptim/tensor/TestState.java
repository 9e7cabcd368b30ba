package org.panoptim.tensor;

import java.lang.foreign.MemorySegment;

/** A state of one float32 element in memory of its own. */
public record TestState(String slot, String parameter, MemorySegment memory)
        implements StateTensor {

    public TestState(String slot, String parameter) {
        this(slot, parameter, MemorySegment.ofArray(new float[1]));
    }

    @Override
    public Shape shape() {
        return Shape.of(1);
    }

    @Override
    public DType dtype() {
        return DType.F32;
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        MemorySegment.copy(memory, offset, destination, 0, destination.byteSize());
    }

    @Override
    public void write(long offset, MemorySegment source) {
        MemorySegment.copy(source, 0, memory, offset, source.byteSize());
    }
}
