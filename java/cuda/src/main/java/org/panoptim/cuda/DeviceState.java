package org.panoptim.cuda;

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
record DeviceState(
        CudaBackend backend,
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
        read(backend, address + offset, destination);
    }

    @Override
    public void write(long offset, MemorySegment source) {
        check(offset, source);
        write(backend, address + offset, source);
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
    static void read(CudaBackend backend, long address, MemorySegment destination) {
        backend.call(
                () -> {
                    synchronized (backend.copies()) {
                        backend.copies().toHost(destination, address, backend.stream());
                    }
                    return destination;
                });
    }

    /** Copies into device memory, behind the stream's work. */
    static void write(CudaBackend backend, long address, MemorySegment source) {
        backend.call(
                () -> {
                    synchronized (backend.copies()) {
                        backend.copies().toDevice(address, source, backend.stream());
                    }
                    return source;
                });
    }
}
