package org.panoptim.spi;

import org.panoptim.rule.Slot;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A state that lies in host memory.
 *
 * @param parameter the parameter's name, or the group's of a state of its rule
 * @param description what the state is
 * @param shape its shape
 * @param values its memory, of exactly its size; the backend's
 */
record HostState(String parameter, Slot description, Shape shape, MemorySegment values)
        implements StateTensor {

    /** Checks the components. */
    HostState {
        Objects.requireNonNull(parameter, "parameter");
        Objects.requireNonNull(description, "description");
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(values, "values");
    }

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
                    "state '%s' of %s '%s' is gone: its optimizer is closed"
                            .formatted(slot(), isOfRule() ? "group" : "parameter", parameter));
        }
    }
}
