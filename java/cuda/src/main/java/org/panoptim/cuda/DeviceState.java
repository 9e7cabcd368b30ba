package org.panoptim.cuda;

import org.panoptim.DType;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/** A state that lies in device memory. */
record DeviceState(
        CudaBackend backend, Parameter owner, String slot, long address, BooleanSupplier open)
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
                    "state '%s' of parameter '%s' is gone: its optimizer is closed"
                            .formatted(slot, owner.name()));
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
