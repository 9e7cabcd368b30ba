package org.panoptim.cuda.device;

import org.panoptim.rule.Slot;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * A state that lies in device memory.
 *
 * @param parameter the parameter's name, or the group's of a state of its rule
 */
public record DeviceState(
        DeviceContext context,
        String parameter,
        Slot description,
        Shape shape,
        long address,
        BooleanSupplier open)
        implements StateTensor {

    @Override
    public String slot() {
        return description.name();
    }

    @Override
    public DType dtype() {
        return description.extent().dtype();
    }

    @Override
    public boolean isOfRule() {
        return !description.extent().isOfParameter();
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        check(offset, destination);
        read(context, address + offset, destination);
    }

    @Override
    public void write(long offset, MemorySegment source) {
        check(offset, source);
        write(context, address + offset, source);
    }

    private void check(long offset, MemorySegment segment) {
        if (!open.getAsBoolean()) {
            throw new IllegalStateException(
                    "state '%s' of %s '%s' is gone: its optimizer is closed"
                            .formatted(slot(), isOfRule() ? "group" : "parameter", parameter));
        }
        Objects.checkFromIndexSize(offset, segment.byteSize(), byteSize());
    }

    /** Copies device memory out, behind the stream's work, and waits. */
    public static void read(DeviceContext context, long address, MemorySegment destination) {
        context.call(
                () -> {
                    synchronized (context.copies()) {
                        context.copies().toHost(destination, address, context.stream());
                    }
                    return destination;
                });
    }

    /** Copies into device memory, behind the stream's work. */
    public static void write(DeviceContext context, long address, MemorySegment source) {
        context.call(
                () -> {
                    synchronized (context.copies()) {
                        context.copies().toDevice(address, source, context.stream());
                    }
                    return source;
                });
    }
}
