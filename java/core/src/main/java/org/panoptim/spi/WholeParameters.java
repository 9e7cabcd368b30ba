package org.panoptim.spi;

import org.panoptim.parameter.Parameter;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * Parameters that one member of a team owns whole, all of them the same one.
 *
 * @param parameters at least one
 * @param cost what they cost the owner in a step, in multiplications, about
 */
public record WholeParameters(List<Parameter> parameters, double cost) {

    /** Checks the components. */
    public WholeParameters {
        parameters = List.copyOf(parameters);
        if (parameters.isEmpty() || !(cost >= 0)) {
            throw new IllegalArgumentException(
                    "%d parameters with a cost of %s".formatted(parameters.size(), cost));
        }
    }

    /**
     * A parameter of a rule on matrices or lines. Products with the square of the matrix cost what
     * this says, some times; that is all that counts beside a pass over the elements.
     */
    static WholeParameters of(Parameter parameter, UpdateRule rule) {
        double cost = parameter.elements();
        var dimensions = parameter.shape().dimensions();
        if (cost > 0 && rule instanceof MatrixRule && !dimensions.isEmpty()) {
            long rows = dimensions.getFirst();
            cost *= Math.min(rows, parameter.elements() / rows);
        }
        return new WholeParameters(List.of(parameter), cost);
    }
}
