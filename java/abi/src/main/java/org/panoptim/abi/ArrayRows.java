package org.panoptim.abi;

import static org.panoptim.abi.Layouts.ARRAYS_AVERAGE;
import static org.panoptim.abi.Layouts.ARRAYS_BYTES;
import static org.panoptim.abi.Layouts.ARRAYS_COPY;
import static org.panoptim.abi.Layouts.ARRAYS_GRADIENT;
import static org.panoptim.abi.Layouts.ARRAYS_SLOTS;
import static org.panoptim.abi.Layouts.ARRAYS_VALUE;
import static org.panoptim.abi.Layouts.ARRAY_BYTES;
import static org.panoptim.abi.Layouts.ARRAY_DATA;
import static org.panoptim.abi.Layouts.ARRAY_TYPE;
import static org.panoptim.abi.Layouts.pointer;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_BF16;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_F32;

import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Slot;
import org.panoptim.spi.StateAddresses;
import org.panoptim.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Fills the rows of {@code panoptim_arrays}, of parameters that have other arrays than floats, or
 * outputs.
 */
final class ArrayRows {

    private final MemorySegment table;
    private final long address;
    private long end;

    /**
     * An empty table.
     *
     * @param address where its reader finds it
     */
    ArrayRows(MemorySegment table, long address) {
        this.table = table;
        this.address = address;
    }

    /** Whether a parameter has a row. */
    static boolean has(Parameter parameter) {
        return parameter.dtype() != DType.F32
                || parameter.copy().isPresent()
                || parameter.average().isPresent();
    }

    /** Whether a parameter has a row where something stands in for its value. */
    static boolean hasReplaced(Parameter parameter) {
        return parameter.dtype() != DType.F32;
    }

    /**
     * Writes the next row, of a parameter for whose value float32 stands in; it has no outputs.
     *
     * @param value its address
     * @return where its reader finds it
     */
    long writeReplaced(Parameter parameter, long value, List<Slot> slots, StateAddresses states) {
        var row = table.asSlice(end, ARRAYS_BYTES);
        long found = address + end;
        end += ARRAYS_BYTES;
        write(row, ARRAYS_VALUE, value, DType.F32);
        writeOthers(row, parameter, slots, states);
        return found;
    }

    /**
     * Writes the next row.
     *
     * @return where its reader finds it
     */
    long write(Parameter parameter, List<Slot> slots, StateAddresses states) {
        var row = table.asSlice(end, ARRAYS_BYTES);
        long found = address + end;
        end += ARRAYS_BYTES;
        write(row, ARRAYS_VALUE, parameter.value().address(), parameter.dtype());
        parameter.copy().ifPresent(copy -> write(row, ARRAYS_COPY, copy));
        parameter.average().ifPresent(average -> write(row, ARRAYS_AVERAGE, average));
        writeOthers(row, parameter, slots, states);
        return found;
    }

    private static void writeOthers(
            MemorySegment row, Parameter parameter, List<Slot> slots, StateAddresses states) {
        write(row, ARRAYS_GRADIENT, 0, parameter.dtype());
        for (int i = 0; i < slots.size(); i++) {
            if (slots.get(i).extent() == Slot.Extent.ELEMENT) {
                long state = states.address(parameter, i);
                write(row, ARRAYS_SLOTS + i * ARRAY_BYTES, state, DType.F32);
            }
        }
    }

    private static void write(MemorySegment row, long offset, Output output) {
        write(row, offset, output.memory().address(), output.type());
    }

    private static void write(MemorySegment row, long offset, long address, DType type) {
        pointer(row, offset + ARRAY_DATA, address);
        row.set(
                ValueLayout.JAVA_INT,
                offset + ARRAY_TYPE,
                type == DType.BF16 ? PANOPTIM_BF16() : PANOPTIM_F32());
    }
}
