package org.panoptim.kfac.engine;

import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * A tensor in host memory that an engine keeps for a layer.
 *
 * @param parameter the layer's name
 * @param values where it lies at the moment; throws if the engine is closed
 */
record HostState(String parameter, String slot, Shape shape, Supplier<MemorySegment> values)
        implements StateTensor {

    @Override
    public DType dtype() {
        return DType.F32;
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        destination.copyFrom(values.get().asSlice(offset, destination.byteSize()));
    }

    @Override
    public void write(long offset, MemorySegment source) {
        values.get().asSlice(offset, source.byteSize()).copyFrom(source);
    }
}
