package org.panoptim.spi;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.jspecify.annotations.Nullable;
import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The states of an optimizer in host memory: of all parameters, and of the rules of its groups.
 * Memory is added as parameters are.
 */
public final class HostStates implements StateAddresses, AutoCloseable {

    /** States begin at cache lines. */
    static final long ALIGNMENT = 64;

    /** One for each plan that has added something. */
    private final List<Arena> arenas = new ArrayList<>();

    private final Map<Parameter, States> ofParameters = new IdentityHashMap<>();
    private final Map<String, States> ofRules = new HashMap<>();

    /**
     * The states of a parameter or a rule, in slot order; those of the group's rule among those of
     * a parameter.
     *
     * @param view which rows and columns are meant
     * @param doubles the memory of those that are a double, one after another
     * @param begin the first element that states of elements have a value for
     * @param elements for how many they have one
     */
    private record States(
            List<Slot> slots,
            MatrixView view,
            MemorySegment[] segments,
            MemorySegment doubles,
            long begin,
            long elements) {

        /** That of a state of a parameter, or of what there is of it here. */
        Shape shape(Slot.Extent extent, Shape ofParameter) {
            boolean ofRange = extent == Slot.Extent.ELEMENT && elements < ofParameter.elements();
            boolean elsewhere = elements == 0 && ofParameter.elements() > 0;
            boolean ofLines = extent == Slot.Extent.ROW || extent == Slot.Extent.COLUMN;
            return ofRange || ofLines && elsewhere
                    ? Shape.of(elements)
                    : extent.shape(ofParameter, view);
        }

        MemorySegment segment(String name) {
            int index = 0;
            while (!slots.get(index).name().equals(name)) {
                index++;
            }
            return segments[index];
        }
    }

    /** No states yet. */
    public HostStates() {}

    /**
     * Gives states to the parameters and rules that have none yet, as they begin; all or nothing.
     *
     * @param groups of parameters in host memory
     * @return takes them away again, for a plan that is refused after all
     */
    public Runnable addMissing(List<ParameterGroup> groups) {
        return addMissing(groups, Shares.whole());
    }

    /**
     * The same where only a part of each parameter is stepped: states of elements have values for
     * these alone, and those of rows and columns for who owns the parameter.
     */
    public Runnable addMissing(List<ParameterGroup> groups, Shares shares) {
        var added = new Added();
        try {
            added.addMissing(groups, shares);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, added::takeAway);
            throw e;
        }
        return added::takeAway;
    }

    /** What one plan has added. */
    private final class Added {

        private final List<Parameter> parameters = new ArrayList<>();
        private final List<String> rules = new ArrayList<>();
        private @Nullable Arena arena;

        /** Most plans that follow the first add nothing. */
        private Arena arena() {
            if (arena == null) {
                arena = Arena.ofShared();
                arenas.add(arena);
            }
            return arena;
        }

        void addMissing(List<ParameterGroup> groups, Shares shares) {
            for (var group : groups) {
                var rule = group.rule();
                if (!ofRules.containsKey(group.name())) {
                    ofRules.put(group.name(), allocateOfRule(arena(), rule));
                    rules.add(group.name());
                }
                var ofRule = ofRule(group.name());
                for (var parameter : group.parameters()) {
                    if (!ofParameters.containsKey(parameter)) {
                        ofParameters.put(
                                parameter, allocate(arena(), parameter, rule, ofRule, shares));
                        parameters.add(parameter);
                    }
                }
            }
        }

        void takeAway() {
            parameters.forEach(ofParameters::remove);
            rules.forEach(ofRules::remove);
            if (arena != null) {
                arenas.remove(arena);
                arena.close();
            }
        }
    }

    private static States allocateOfRule(Arena arena, UpdateRule rule) {
        var slots = rule.slots();
        var doubles = doubles(arena, slots, Slot.Extent.RULE);
        var segments = new MemorySegment[slots.size()];
        takeDoubles(slots, Slot.Extent.RULE, doubles, segments);
        return new States(slots, MatrixView.of(rule), segments, doubles, 0, 0);
    }

    private static States allocate(
            Arena arena, Parameter parameter, UpdateRule rule, States ofRule, Shares shares) {
        long begin = shares.begin(parameter);
        long elements = shares.end(parameter) - begin;
        boolean owned = shares.owns(parameter);
        var slots = rule.slots(parameter.shape());
        var view = MatrixView.of(rule);
        var doubles = doubles(arena, slots, Slot.Extent.TENSOR);
        var segments = new MemorySegment[slots.size()];
        takeDoubles(slots, Slot.Extent.TENSOR, doubles, segments);
        for (int i = 0; i < segments.length; i++) {
            var slot = slots.get(i);
            switch (slot.extent()) {
                case ELEMENT -> {
                    segments[i] = arena.allocate(elements * Float.BYTES, ALIGNMENT);
                    begin(segments[i], slot, parameter, begin);
                }
                case ROW, COLUMN -> {
                    long bytes = owned ? slot.byteSize(parameter.shape(), view) : 0;
                    segments[i] = arena.allocate(bytes, ALIGNMENT);
                    begin(segments[i], slot, parameter, 0);
                }
                case TENSOR -> {}
                case RULE -> segments[i] = ofRule.segment(slot.name());
            }
        }
        return new States(slots, view, segments, doubles, begin, elements);
    }

    private static MemorySegment doubles(Arena arena, List<Slot> slots, Slot.Extent extent) {
        long count = slots.stream().filter(slot -> slot.extent() == extent).count();
        return count == 0 ? MemorySegment.NULL : arena.allocate(JAVA_DOUBLE, count);
    }

    private static void takeDoubles(
            List<Slot> slots, Slot.Extent extent, MemorySegment doubles, MemorySegment[] segments) {
        long offset = 0;
        for (int i = 0; i < segments.length; i++) {
            if (slots.get(i).extent() == extent) {
                segments[i] = doubles.asSlice(offset, JAVA_DOUBLE.byteSize());
                offset += JAVA_DOUBLE.byteSize();
                if (slots.get(i).initial() instanceof Slot.Initial.Constant(double value)) {
                    segments[i].set(JAVA_DOUBLE, 0, value);
                }
            }
        }
    }

    private static void begin(
            MemorySegment values, Slot slot, Parameter parameter, long firstElement) {
        // No switch over the sealed type: to link one, a starting process generates a class.
        if (slot.initial() instanceof Slot.Initial.Constant(double value)) {
            float each = (float) value;
            if (Float.floatToRawIntBits(each) != 0) {
                for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
                    values.setAtIndex(JAVA_FLOAT, i, each);
                }
            }
        } else if (slot.initial() instanceof Slot.Initial.ParameterValue) {
            var from = FloatView.of(parameter.value(), parameter.dtype());
            for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
                values.setAtIndex(JAVA_FLOAT, i, from.get(firstElement + i));
            }
        }
    }

    /** The memory of a parameter's states, in slot order, those of its group's rule among them. */
    public MemorySegment[] segments(Parameter parameter) {
        return of(parameter).segments;
    }

    /** The memory of the states of a group's rule, in slot order; null for those of parameters. */
    public MemorySegment[] ruleSegments(String group) {
        return ofRule(group).segments;
    }

    @Override
    public long address(Parameter parameter, int slot) {
        var states = of(parameter);
        // Whoever reads it counts elements from the parameter's first.
        boolean ofElements = states.slots.get(slot).extent() == Slot.Extent.ELEMENT;
        long before = ofElements ? states.begin * Float.BYTES : 0;
        return states.segments[slot].address() - before;
    }

    @Override
    public long firstElement(Parameter parameter) {
        return of(parameter).begin;
    }

    @Override
    public long tensorStates(Parameter parameter) {
        return of(parameter).doubles.address();
    }

    @Override
    public long ruleStates(String group) {
        return ofRule(group).doubles.address();
    }

    /** A state as the optimizer hands it out. */
    public StateTensor tensor(Parameter parameter, int slot) {
        var states = of(parameter);
        var description = states.slots.get(slot);
        return new HostState(
                parameter.name(),
                description,
                states.shape(description.extent(), parameter.shape()),
                states.segments[slot]);
    }

    /** A state of a group's rule as the optimizer hands it out. */
    public StateTensor ruleTensor(String group, int slot) {
        var states = ofRule(group);
        var description = states.slots.get(slot);
        return new HostState(
                group,
                description,
                description.extent().shape(Shape.of(), states.view),
                states.segments[slot]);
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

    @Override
    public void close() {
        Cleanup.all(arenas.stream().<Runnable>map(arena -> arena::close).toArray(Runnable[]::new));
    }
}
