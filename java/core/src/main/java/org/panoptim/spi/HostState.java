package org.panoptim.spi;

import org.panoptim.DType;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A state that lies in host memory.
 *
 * @param owner the parameter that it belongs to
 * @param slot the state's name
 * @param dtype the type of its elements
 * @param values its memory, of exactly its size; the backend's
 */
public record HostState(Parameter owner, String slot, DType dtype, MemorySegment values)
        implements StateTensor {

    /** Checks the components. */
    public HostState {
        Objects.requireNonNull(owner, "owner");
        Objects.requireNonNull(slot, "slot");
        Objects.requireNonNull(dtype, "dtype");
        Objects.requireNonNull(values, "values");
    }

    @Override
    public String parameter() {
        return owner.name();
    }

    @Override
    public Shape shape() {
        return owner.shape();
    }

    @Override
    public void read(long offset, MemorySegment destination) {
        checkOpen();
        MemorySegment.copy(values, offset, destination, 0, destination.byteSize());
    }

    @Override
    public void write(long offset, MemorySegment source) {
        checkOpen();
        MemorySegment.copy(source, 0, values, offset, source.byteSize());
    }

    private void checkOpen() {
        if (!values.scope().isAlive()) {
            throw new IllegalStateException(
                    "state '"
                            + slot
                            + "' of parameter '"
                            + owner.name()
                            + "' is gone: its optimizer is closed");
        }
    }
}
