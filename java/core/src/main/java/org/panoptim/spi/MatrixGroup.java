package org.panoptim.spi;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * The parameters of a group with a {@link MatrixRule} that have the same shape.
 *
 * @param parameters at least one, with elements
 */
public record MatrixGroup(
        ParameterGroup group, MatrixRule rule, Shape shape, List<Parameter> parameters) {

    /** Those of a plan's groups, in the order of their first parameters. */
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
                        (shape, parameters) ->
                                found.add(new MatrixGroup(group, rule, shape, parameters)));
            }
        }
        return List.copyOf(found);
    }

    /** The size of each parameter. */
    public MatrixSize size() {
        return MatrixSize.of(shape);
    }

    /**
     * The description of a slot with a value for each element.
     *
     * @throws IllegalArgumentException if it is none
     */
    public Slot elementSlot(int place) {
        var slot = rule.slots(shape).get(place);
        if (slot.extent() != Slot.Extent.ELEMENT) {
            throw new IllegalArgumentException(
                    "rule %s: slot '%s' has no value for each element, so it is no matrix"
                            .formatted(rule.name(), slot.name()));
        }
        return slot;
    }
}
