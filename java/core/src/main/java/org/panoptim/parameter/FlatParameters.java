package org.panoptim.parameter;

import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Named float32 parameters that lie one after the other in one piece of memory, and their gradients
 * alike in another: for loops of one's own, and for frameworks that keep a flat vector of each.
 *
 * <pre>{@code
 * var net = FlatParameters.builder()
 *         .add("hidden.weight", 32, 16)
 *         .add("hidden.bias", 32)
 *         .allocate(arena); // or .over(values, gradients), which are there
 * try (var optimizer = Optimizer.of(Rules.adamW(1e-3), net.list())) {
 *     // … writes net.gradients() …
 *     optimizer.step();
 * }
 * }</pre>
 *
 * <p>The memory belongs to the caller, who keeps it alive until the optimizer is closed.
 */
public final class FlatParameters implements NamedParameters {

    /** A cache line, and the widest vector. */
    private static final long ALIGNMENT = 64;

    private final MemorySegment values;
    private final MemorySegment gradients;
    private final Map<String, Part> parts;

    /**
     * One parameter.
     *
     * @param parameter over slices of the two segments
     * @param offset where it begins, in bytes
     */
    private record Part(Parameter parameter, long offset) {

        long byteSize() {
            return parameter.elements() * Float.BYTES;
        }
    }

    private FlatParameters(
            MemorySegment values, MemorySegment gradients, Map<String, Shape> shapes) {
        this.values = values;
        this.gradients = gradients;
        this.parts = new LinkedHashMap<>();
        long offset = 0;
        for (var each : shapes.entrySet()) {
            long bytes = each.getValue().elements() * Float.BYTES;
            var parameter =
                    Parameter.of(each.getKey(), each.getValue(), values.asSlice(offset, bytes))
                            .gradient(gradients.asSlice(offset, bytes));
            parts.put(each.getKey(), new Part(parameter, offset));
            offset += bytes;
        }
    }

    /** Begins a list of parameters. */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public List<Parameter> list() {
        return parts.values().stream().map(Part::parameter).toList();
    }

    /** All values. */
    public MemorySegment values() {
        return values;
    }

    /** All gradients, which the optimizer reads where they lie. */
    public MemorySegment gradients() {
        return gradients;
    }

    /**
     * The values of a parameter, row by row.
     *
     * @throws IllegalArgumentException if there is no such parameter; the message lists the names
     */
    public MemorySegment values(String parameter) {
        var part = part(parameter);
        return values.asSlice(part.offset(), part.byteSize());
    }

    /**
     * The gradient of a parameter, row by row.
     *
     * @throws IllegalArgumentException if there is no such parameter; the message lists the names
     */
    public MemorySegment gradients(String parameter) {
        var part = part(parameter);
        return gradients.asSlice(part.offset(), part.byteSize());
    }

    private Part part(String parameter) {
        Objects.requireNonNull(parameter, "parameter");
        var found = parts.get(parameter);
        if (found == null) {
            throw new IllegalArgumentException(
                    "there is no parameter '%s'; the parameters are %s"
                            .formatted(parameter, String.join(", ", parts.keySet())));
        }
        return found;
    }

    /** Lists the parameters, in the order in which they lie. */
    public static final class Builder {

        private final Map<String, Shape> shapes = new LinkedHashMap<>();

        private Builder() {}

        /**
         * Adds a parameter behind the last one.
         *
         * @param name unique; checkpoints and reports use it
         * @param dimensions of the tensor, whose elements lie row by row; none for a scalar
         * @throws IllegalArgumentException if the name is taken, or a dimension negative
         */
        public Builder add(String name, long... dimensions) {
            return add(name, Shape.of(dimensions));
        }

        /** As {@link #add(String, long...)}. */
        public Builder add(String name, Shape shape) {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(shape, "shape");
            if (shapes.putIfAbsent(name, shape) != null) {
                throw new IllegalArgumentException("there are two parameters '%s'".formatted(name));
            }
            return this;
        }

        /** The number of elements of all parameters so far. */
        public long elements() {
            return shapes.values().stream().mapToLong(Shape::elements).reduce(0, Math::addExact);
        }

        /**
         * The parameters over new memory: values and gradients are zeros.
         *
         * @param arena owns the memory
         * @throws IllegalArgumentException if there is no parameter
         */
        public FlatParameters allocate(Arena arena) {
            Objects.requireNonNull(arena, "arena");
            long bytes = Math.multiplyExact(elements(), Float.BYTES);
            return over(arena.allocate(bytes, ALIGNMENT), arena.allocate(bytes, ALIGNMENT));
        }

        /**
         * The parameters over memory that is there.
         *
         * @param values exactly the elements of all parameters, 4-byte aligned; native memory for
         *     the native backends
         * @param gradients as many
         * @throws IllegalArgumentException if there is no parameter, or the memory does not fit,
         *     with all that is wrong with it
         */
        public FlatParameters over(MemorySegment values, MemorySegment gradients) {
            Objects.requireNonNull(values, "values");
            Objects.requireNonNull(gradients, "gradients");
            if (shapes.isEmpty()) {
                throw new IllegalArgumentException("no parameter was added");
            }
            var problems = new ArrayList<String>();
            addProblems(problems, "values", values);
            addProblems(problems, "gradients", gradients);
            if (values.isReadOnly()) {
                problems.add("values is read-only");
            }
            if (values.asOverlappingSlice(gradients).isPresent()) {
                problems.add("values and gradients overlap");
            }
            if (!problems.isEmpty()) {
                throw new IllegalArgumentException(
                        "%s: %s".formatted(describe(), String.join("; ", problems)));
            }
            return new FlatParameters(values, gradients, shapes);
        }

        private void addProblems(List<String> problems, String what, MemorySegment segment) {
            long bytes = Math.multiplyExact(elements(), Float.BYTES);
            if (segment.byteSize() != bytes) {
                problems.add(
                        "%s must have %d bytes, but has %d"
                                .formatted(what, bytes, segment.byteSize()));
            }
            if (segment.address() % Float.BYTES != 0) {
                problems.add("%s must be aligned to %d bytes".formatted(what, Float.BYTES));
            }
        }

        private String describe() {
            return "parameters %s with %d elements".formatted(shapes.keySet(), elements());
        }
    }
}
