package org.panoptim.cuda;

import org.panoptim.DType;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.StateTensor;
import org.panoptim.UnsupportedPlanException;
import org.panoptim.rule.Slot;
import org.panoptim.spi.Cleanup;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The states of all parameters of an optimizer; a slab is added whenever parameters are. */
final class DeviceStates implements AutoCloseable {

    private final CudaBackend backend;
    private final List<Long> slabs = new ArrayList<>();
    private final Map<Parameter, States> states = new IdentityHashMap<>();
    private boolean closed;

    /** A parameter's states in slot order. */
    private record States(List<Slot> slots, long[] addresses) {}

    DeviceStates(CudaBackend backend) {
        this.backend = backend;
    }

    /** Gives states to the parameters that have none yet, all zero. */
    void addMissing(List<ParameterGroup> groups) {
        var added = new IdentityHashMap<Parameter, States>();
        long bytes = 0;
        for (var group : groups) {
            var slots = group.rule().slots();
            for (var parameter : group.parameters()) {
                if (states.containsKey(parameter)) {
                    continue;
                }
                var offsets = new long[slots.size()];
                for (int i = 0; i < offsets.length; i++) {
                    offsets[i] = bytes;
                    bytes += DeviceSlab.aligned(parameter.elements() * DType.F32.byteSize());
                }
                added.put(parameter, new States(slots, offsets));
            }
        }
        if (added.isEmpty()) {
            return;
        }
        long slab = DeviceSlab.allocate(backend, bytes);
        slabs.add(slab);
        for (var each : added.values()) {
            for (int i = 0; i < each.addresses.length; i++) {
                each.addresses[i] += slab;
            }
        }
        states.putAll(added);
    }

    /** The address of a state. */
    long address(Parameter parameter, int slot) {
        return of(parameter).addresses[slot];
    }

    /** A state as the optimizer hands it out. */
    StateTensor tensor(Parameter parameter, int slot) {
        var found = of(parameter);
        return new DeviceState(
                backend,
                parameter,
                found.slots.get(slot).name(),
                found.addresses[slot],
                () -> !closed);
    }

    private States of(Parameter parameter) {
        var found = states.get(parameter);
        if (found == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return found;
    }

    /** Whether all values lie on a device; a backend of the host has no use for them. */
    static void requireDevice(String backend, List<ParameterGroup> groups) {
        for (var group : groups) {
            for (var parameter : group.parameters()) {
                if (parameter.value() instanceof org.panoptim.HostMemory) {
                    throw refused(backend, parameter, "value");
                }
            }
        }
    }

    /** The refusal of memory that the device cannot reach. */
    static UnsupportedPlanException refused(String backend, Parameter parameter, String what) {
        return new UnsupportedPlanException(
                backend,
                "the %s of parameter '%s' lies in host memory; allocate it with this backend, or hand in the framework's device memory"
                        .formatted(what, parameter.name()));
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            var driver = backend.device().driver();
            var frees =
                    slabs.stream().<Runnable>map(slab -> () -> driver.free(slab, backend.stream()));
            Cleanup.all(frees.toArray(Runnable[]::new));
        }
    }
}
