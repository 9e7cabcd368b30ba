package org.panoptim.spi;

import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.matrix.MatrixSize;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The parameters of a group with a {@link MatrixRule} that have the same shape.
 *
 * @param size of each parameter as a matrix
 * @param scratch what the rule needs beside the slots, for each of them
 * @param parameters at least one, with elements
 */
public record MatrixGroup(
        ParameterGroup group,
        MatrixRule rule,
        Shape shape,
        MatrixSize size,
        List<MatrixSize> scratch,
        List<Parameter> parameters) {

    /**
     * Those of a plan's groups, in the order of their first parameters.
     *
     * @throws IllegalArgumentException if a parameter or a rule's scratch is too large for
     *     matrices; the message names it
     */
    public static List<MatrixGroup> of(List<ParameterGroup> groups) {
        var found = new ArrayList<MatrixGroup>();
        for (var group : groups) {
            if (group.rule() instanceof MatrixRule rule) {
                var byShape = new LinkedHashMap<Shape, List<Parameter>>();
                for (var parameter : group.parameters()) {
                    if (parameter.elements() > 0) {
                        byShape.computeIfAbsent(parameter.shape(), _ -> new ArrayList<>())
                                .add(parameter);
                    }
                }
                byShape.forEach(
                        (shape, parameters) -> found.add(of(group, rule, shape, parameters)));
            }
        }
        return List.copyOf(found);
    }

    /**
     * The same of the parameters alone that are stepped here.
     *
     * @throws IllegalArgumentException as of all of them
     */
    public static List<MatrixGroup> of(List<ParameterGroup> groups, Shares shares) {
        return of(groups).stream()
                .map(group -> group.ownedBy(shares))
                .filter(MatrixGroup::isThere)
                .toList();
    }

    private MatrixGroup ownedBy(Shares shares) {
        var owned = parameters.stream().filter(shares::owns).toList();
        return new MatrixGroup(group, rule, shape, size, scratch, owned);
    }

    private boolean isThere() {
        return !parameters.isEmpty();
    }

    private static MatrixGroup of(
            ParameterGroup group, MatrixRule rule, Shape shape, List<Parameter> parameters) {
        try {
            var scratch = List.copyOf(rule.scratch(shape));
            for (var size : scratch) {
                Math.multiplyExact(bytes(size), (long) parameters.size());
            }
            return new MatrixGroup(
                    group, rule, shape, MatrixSize.of(shape), scratch, List.copyOf(parameters));
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(
                    "group '%s': rule %s works on matrices, for which parameter '%s' of %s is too large"
                            .formatted(
                                    group.name(), rule.name(), parameters.getFirst().name(), shape),
                    e);
        }
    }

    /**
     * Lets the rule do its linear algebra after a phase.
     *
     * @param engine the backend's
     * @param slots makes the matrices of a slot with a value for each element, by its place
     * @param scratches makes the scratch matrices at a place
     */
    public void between(
            int phase,
            MatrixEngine engine,
            IntFunction<MatrixBatch> slots,
            IntFunction<MatrixBatch> scratches) {
        try (var call = new MatrixCall(this, phase, engine, slots, scratches)) {
            rule.between(phase, call);
        }
    }

    /**
     * What is reported of a rule whose linear algebra failed: which one it is and where it failed.
     *
     * @param thrown what it threw
     */
    public IllegalStateException failure(int phase, Throwable thrown) {
        return new IllegalStateException(
                "group '%s': the linear algebra of rule %s after phase %d, for parameters of %s, failed: %s"
                        .formatted(group.name(), rule.name(), phase, shape, thrown),
                thrown);
    }

    /**
     * The size of a matrix in bytes.
     *
     * @throws ArithmeticException if it is no long
     */
    public static long bytes(MatrixSize size) {
        return Math.multiplyExact(size.elements(), (long) Float.BYTES);
    }

    /** Whether the matrices of another group can lie where those of this one do. */
    public boolean liesAs(MatrixGroup other) {
        return scratch.equals(other.scratch) && parameters.equals(other.parameters);
    }

    /** Whether the matrices of other groups can lie where those of these do. */
    public static boolean lieAlike(List<MatrixGroup> one, List<MatrixGroup> other) {
        if (one.size() != other.size()) {
            return false;
        }
        for (int i = 0; i < one.size(); i++) {
            if (!one.get(i).liesAs(other.get(i))) {
                return false;
            }
        }
        return true;
    }

    /**
     * The description of a slot with a value for each element.
     *
     * @throws IllegalArgumentException if there is none at that place
     */
    public Slot elementSlot(int place) {
        var slots = rule.slots(shape);
        if (place < 0 || place >= slots.size()) {
            throw new IllegalArgumentException(
                    "rule %s has no slot %d; its slots are %s"
                            .formatted(rule.name(), place, slots));
        }
        var slot = slots.get(place);
        if (slot.extent() != Slot.Extent.ELEMENT) {
            throw new IllegalArgumentException(
                    "rule %s: slot '%s' has no value for each element, so it is no matrix"
                            .formatted(rule.name(), slot.name()));
        }
        return slot;
    }

    /**
     * The size of the scratch matrices at a place.
     *
     * @throws IllegalArgumentException if there are none
     */
    public MatrixSize scratch(int place) {
        if (place < 0 || place >= scratch.size()) {
            throw new IllegalArgumentException(
                    "rule %s asked for %d scratch matrices, so it has none at %d"
                            .formatted(rule.name(), scratch.size(), place));
        }
        return scratch.get(place);
    }
}
