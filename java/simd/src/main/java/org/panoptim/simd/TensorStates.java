package org.panoptim.simd;

import org.panoptim.DType;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.StateTensor;
import org.panoptim.rule.Slot;
import org.panoptim.spi.HostState;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The states of all parameters of an optimizer; memory is added as parameters are. */
final class TensorStates implements AutoCloseable {

    /** States begin at cache lines. */
    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final Map<Parameter, States> states = new IdentityHashMap<>();

    /** A parameter's states in slot order. */
    private record States(List<Slot> slots, MemorySegment[] segments) {}

    /** Gives states to the parameters that have none yet, all zero. */
    void addMissing(List<ParameterGroup> groups) {
        for (var group : groups) {
            var slots = group.rule().slots();
            for (var parameter : group.parameters()) {
                states.computeIfAbsent(parameter, key -> allocate(key, slots));
            }
        }
    }

    private States allocate(Parameter parameter, List<Slot> slots) {
        var segments = new MemorySegment[slots.size()];
        for (int i = 0; i < segments.length; i++) {
            segments[i] = arena.allocate(parameter.elements() * DType.F32.byteSize(), ALIGNMENT);
        }
        return new States(slots, segments);
    }

    /** The memory of a state. */
    MemorySegment segment(Parameter parameter, int slot) {
        return of(parameter).segments[slot];
    }

    /** A state as the optimizer hands it out. */
    StateTensor tensor(Parameter parameter, int slot) {
        var found = of(parameter);
        return new HostState(
                parameter, found.slots.get(slot).name(), DType.F32, found.segments[slot]);
    }

    private States of(Parameter parameter) {
        var found = states.get(parameter);
        if (found == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return found;
    }

    @Override
    public void close() {
        arena.close();
    }
}
