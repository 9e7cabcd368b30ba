package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.function.Predicate;

/** Two groups: matrices with a weight decay, and vectors and scalars without. */
final class MatrixDecay {

    private MatrixDecay() {}

    /**
     * Makes the groups, that of the matrices first; one may be empty.
     *
     * @throws IllegalArgumentException if the rule has no weight decay, or not this one
     */
    static List<ParameterGroup> groups(
            UpdateRule rule, List<Parameter> parameters, double weightDecay) {
        Predicate<Parameter> decays = parameter -> parameter.shape().rank() > 1;
        return List.of(
                group("decay", rule, weightDecay, parameters, decays),
                group("no decay", rule, 0, parameters, decays.negate()));
    }

    private static ParameterGroup group(
            String name,
            UpdateRule rule,
            double weightDecay,
            List<Parameter> parameters,
            Predicate<Parameter> members) {
        return new ParameterGroup(
                name,
                rule.descriptor().with(rule, "weight_decay", weightDecay),
                parameters.stream().filter(members).toList());
    }
}
