package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Slot;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StateAddresses;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The states of an optimizer in device memory: of all parameters, and of the rules of its groups. A
 * slab is added whenever parameters are.
 */
final class DeviceStates implements StateAddresses, AutoCloseable {

    private final DeviceContext context;
    private final List<Long> slabs = new ArrayList<>();
    private final Map<Parameter, States> ofParameters = new IdentityHashMap<>();
    private final Map<String, States> ofRules = new HashMap<>();
    private boolean closed;

    /**
     * The states of a parameter or a rule in slot order.
     *
     * @param view which rows and columns are meant
     * @param addresses of those that it has itself; else 0
     * @param doubles the address of those that are a double, one after another; 0: none
     * @param begin the first element that states of elements have a value for
     * @param elements for how many they have one
     */
    private record States(
            List<Slot> slots,
            MatrixView view,
            long[] addresses,
            long doubles,
            long begin,
            long elements) {

        /** That of a state of a parameter, or of what there is of it here. */
        Shape shape(Slot.Extent extent, Shape ofParameter) {
            boolean ofRange = extent == Slot.Extent.ELEMENT && elements < ofParameter.elements();
            boolean ofLines = extent == Slot.Extent.ROW || extent == Slot.Extent.COLUMN;
            boolean elsewhere = elements == 0 && ofParameter.elements() > 0;
            return ofRange || ofLines && elsewhere
                    ? Shape.of(elements)
                    : extent.shape(ofParameter, view);
        }

        /** How many values a state of a parameter has here. */
        long count(int slot, Shape ofParameter) {
            return shape(slots.get(slot).extent(), ofParameter).elements();
        }

        States at(long slab) {
            var moved = new long[addresses.length];
            for (int i = 0; i < moved.length; i++) {
                moved[i] = addresses[i] == ABSENT ? 0 : slab + addresses[i];
            }
            long ofDoubles = doubles == ABSENT ? 0 : slab + doubles;
            return new States(slots, view, moved, ofDoubles, begin, elements);
        }
    }

    private static final long ABSENT = -1;

    /** Deals out a slab that is yet to be allocated. */
    private static final class Offsets {

        private long end;

        States takeOfRule(List<Slot> slots, MatrixView view) {
            return take(slots, view, Slot.Extent.RULE, Shape.of(), 0, 0);
        }

        States take(
                List<Slot> slots,
                MatrixView view,
                Slot.Extent ofDoubles,
                Shape shape,
                long begin,
                long elements) {
            var offsets = new long[slots.size()];
            var states = new States(slots, view, offsets, 0, begin, elements);
            long doubles = ABSENT;
            long next = 0;
            for (int i = 0; i < offsets.length; i++) {
                var slot = slots.get(i);
                if (slot.extent() == ofDoubles) {
                    doubles = doubles == ABSENT ? end : doubles;
                    offsets[i] = doubles + next;
                    next += slot.extent().dtype().byteSize();
                } else if (slot.extent().dtype() == DType.F32 && ofDoubles == Slot.Extent.TENSOR) {
                    offsets[i] = end;
                    end += DeviceSlab.aligned(Float.BYTES * states.count(i, shape));
                } else {
                    offsets[i] = ABSENT;
                }
            }
            end += DeviceSlab.aligned(next);
            return new States(slots, view, offsets, doubles, begin, elements);
        }
    }

    DeviceStates(DeviceContext context) {
        this.context = context;
    }

    /**
     * Gives states to the parameters and rules that have none yet, as they begin; all or nothing.
     *
     * @param shares which part of each parameter is stepped here: states of elements have values
     *     for these alone, and those of rows and columns for who owns the parameter
     * @return takes them away again, for a plan that is refused after all
     */
    Runnable addMissing(List<ParameterGroup> groups, Shares shares) {
        var parameters = new IdentityHashMap<Parameter, States>();
        var rules = new HashMap<String, States>();
        var offsets = new Offsets();
        for (var group : groups) {
            var view = MatrixView.of(group.rule());
            if (!ofRules.containsKey(group.name())) {
                rules.put(group.name(), offsets.takeOfRule(group.rule().slots(), view));
            }
            for (var parameter : group.parameters()) {
                if (!ofParameters.containsKey(parameter)) {
                    var slots = group.rule().slots(parameter.shape());
                    long begin = shares.begin(parameter);
                    parameters.put(
                            parameter,
                            offsets.take(
                                    slots,
                                    view,
                                    Slot.Extent.TENSOR,
                                    parameter.shape(),
                                    begin,
                                    shares.end(parameter) - begin));
                }
            }
        }
        if (parameters.isEmpty() && rules.isEmpty()) {
            return () -> {};
        }
        long slab = DeviceSlab.allocate(context, offsets.end);
        slabs.add(slab);
        Runnable takeAway =
                () -> {
                    parameters.keySet().forEach(ofParameters::remove);
                    rules.keySet().forEach(ofRules::remove);
                    slabs.remove(slab);
                    context.driver().free(slab, context.stream());
                };
        try {
            parameters.replaceAll((_, states) -> states.at(slab));
            rules.replaceAll((_, states) -> states.at(slab));
            parameters.forEach(this::begin);
            rules.values().forEach(states -> beginDoubles(states, Slot.Extent.RULE));
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, takeAway);
            throw e;
        }
        ofParameters.putAll(parameters);
        ofRules.putAll(rules);
        return takeAway;
    }

    private void begin(Parameter parameter, States states) {
        var driver = context.driver();
        for (int i = 0; i < states.addresses.length; i++) {
            var slot = states.slots.get(i);
            long address = states.addresses[i];
            if (slot.extent().dtype() != DType.F32) {
                continue;
            }
            // No switch over the sealed type: to link one, a starting process generates a class.
            if (slot.initial() instanceof Slot.Initial.Constant(double value)) {
                int bits = Float.floatToRawIntBits((float) value);
                long count = states.count(i, parameter.shape());
                if (bits != 0 && count > 0) {
                    driver.fill(address, bits, count, context.stream());
                }
            } else if (slot.initial() instanceof Slot.Initial.ParameterValue) {
                beginAtParameter(parameter, address, states);
            }
        }
        beginDoubles(states, Slot.Extent.TENSOR);
    }

    private void beginAtParameter(Parameter parameter, long address, States states) {
        long elementBytes = parameter.dtype().byteSize();
        long value = parameter.value().address() + states.begin * elementBytes;
        long bytes = states.elements * elementBytes;
        if (bytes == 0) {
            return;
        }
        if (parameter.dtype() == DType.F32) {
            context.driver().copyOnDevice(address, value, bytes, context.stream());
            return;
        }
        // Decoded on the host: it happens once, when states are made.
        try (var arena = Arena.ofConfined()) {
            var narrow = arena.allocate(bytes, parameter.dtype().byteSize());
            DeviceState.read(context, value, narrow);
            var view = new FloatView(narrow, parameter.dtype());
            var floats = arena.allocate(ValueLayout.JAVA_FLOAT, view.elements());
            for (long i = 0; i < view.elements(); i++) {
                floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, view.get(i));
            }
            DeviceState.write(context, address, floats);
        }
    }

    private void beginDoubles(States states, Slot.Extent extent) {
        for (int i = 0; i < states.addresses.length; i++) {
            var slot = states.slots.get(i);
            if (slot.extent() == extent
                    && slot.initial() instanceof Slot.Initial.Constant(double value)
                    && Double.doubleToRawLongBits(value) != 0) {
                var bytes = MemorySegment.ofArray(new double[] {value});
                DeviceState.write(context, states.addresses[i], bytes);
            }
        }
    }

    @Override
    public long address(Parameter parameter, int slot) {
        var states = of(parameter);
        // Whoever reads it counts elements from the parameter's first.
        boolean ofElements = states.slots.get(slot).extent() == Slot.Extent.ELEMENT;
        return states.addresses[slot] - (ofElements ? states.begin * Float.BYTES : 0);
    }

    @Override
    public long firstElement(Parameter parameter) {
        return of(parameter).begin;
    }

    @Override
    public long tensorStates(Parameter parameter) {
        return of(parameter).doubles;
    }

    @Override
    public long ruleStates(String group) {
        return ofRule(group).doubles;
    }

    /** The memory of a state with a value for each element, row or column. */
    Memory memory(Parameter parameter, int slot) {
        var states = of(parameter);
        return new DeviceMemory(
                states.addresses[slot], Float.BYTES * states.count(slot, parameter.shape()));
    }

    /** The memory of a state of a group's rule. */
    Memory ruleMemory(String group, int slot) {
        return new DeviceMemory(ofRule(group).addresses[slot], Double.BYTES);
    }

    /** A state as the optimizer hands it out. */
    StateTensor tensor(Parameter parameter, int slot) {
        return tensor(parameter.name(), of(parameter), slot, parameter.shape());
    }

    /** A state of a group's rule as the optimizer hands it out. */
    StateTensor ruleTensor(String group, int slot) {
        return tensor(group, ofRule(group), slot, Shape.of());
    }

    private StateTensor tensor(String owner, States states, int slot, Shape shape) {
        var description = states.slots.get(slot);
        return new DeviceState(
                context,
                owner,
                description,
                states.shape(description.extent(), shape),
                states.addresses[slot],
                () -> !closed);
    }

    private States of(Parameter parameter) {
        var states = ofParameters.get(parameter);
        if (states == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return states;
    }

    private States ofRule(String group) {
        var states = ofRules.get(group);
        if (states == null) {
            throw new IllegalArgumentException("there is no group '" + group + "'");
        }
        return states;
    }

    /**
     * Whether all values and outputs lie on a device; a backend of the host has no use for them.
     */
    static void requireDevice(String backend, List<ParameterGroup> groups) {
        for (var group : groups) {
            for (var parameter : group.parameters()) {
                if (parameter.value() instanceof HostMemory) {
                    throw refused(backend, parameter, "value");
                }
                for (var output : parameter.outputs().entrySet()) {
                    if (output.getValue().memory() instanceof HostMemory) {
                        throw refused(backend, parameter, output.getKey());
                    }
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
            var driver = context.driver();
            var frees =
                    slabs.stream().<Runnable>map(slab -> () -> driver.free(slab, context.stream()));
            Cleanup.all(frees.toArray(Runnable[]::new));
        }
    }
}
