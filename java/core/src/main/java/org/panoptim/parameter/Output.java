package org.panoptim.parameter;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * What a step leaves beside a parameter's value, written in the same pass over memory. It belongs
 * to the caller, who keeps it alive until the optimizer is closed; no checkpoint has it.
 *
 * @param type the type of its elements, {@link DType#F32} or {@link DType#BF16}
 * @param memory as many elements as the parameter has, in its order, aligned to one of them
 */
public record Output(DType type, Memory memory) {

    /**
     * Checks the components.
     *
     * @throws IllegalArgumentException if the type is another one, or the memory cannot be written
     */
    public Output {
        Objects.requireNonNull(memory, "memory");
        FloatView.requireFloats(type);
        if (memory instanceof HostMemory(var segment) && segment.isReadOnly()) {
            throw new IllegalArgumentException("the output's segment is read-only");
        }
    }

    /** The same in host memory. */
    public Output(DType type, MemorySegment segment) {
        this(type, new HostMemory(segment));
    }
}
