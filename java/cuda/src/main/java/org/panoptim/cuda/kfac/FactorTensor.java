package org.panoptim.cuda.kfac;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * Something that an engine keeps for a layer, to be read and set.
 *
 * @param parameter the layer's name
 * @param address supplies the address at each access
 * @param open throws if the engine is closed
 * @param written called after each change
 */
record FactorTensor(
        DeviceContext context,
        String parameter,
        String slot,
        Shape shape,
        LongSupplier address,
        Runnable open)
        implements StateTensor {

    @Override
    public DType dtype() {
        return DType.F32;
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        check(offset, destination);
        if (destination.byteSize() == 0) {
            return;
        }
        DeviceState.read(context, address.getAsLong() + offset, destination);
    }

    @Override
    public void write(long offset, MemorySegment source) {
        check(offset, source);
        if (source.byteSize() == 0) {
            return;
        }
        DeviceState.write(context, address.getAsLong() + offset, source);
    }

    private void check(long offset, MemorySegment segment) {
        open.run();
        Objects.checkFromIndexSize(offset, segment.byteSize(), byteSize());
    }
}
