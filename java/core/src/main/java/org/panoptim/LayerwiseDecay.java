package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.UpdateRule;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/** Groups by depth, whose learning rates fall by a factor from each layer to the one before it. */
final class LayerwiseDecay {

    private LayerwiseDecay() {}

    /**
     * Makes the groups, from the least depth on.
     *
     * @throws IllegalArgumentException if the factor is not in (0, 1], or a depth is negative
     */
    static List<ParameterGroup> groups(
            String name,
            UpdateRule rule,
            List<Parameter> parameters,
            double factor,
            ToIntFunction<Parameter> depth) {
        if (!(factor > 0 && factor <= 1)) {
            throw new IllegalArgumentException(
                    "layerwise: the factor must be in (0, 1], but is " + factor);
        }
        var byDepth = new TreeMap<Integer, List<Parameter>>();
        for (var parameter : parameters) {
            int found = depth.applyAsInt(parameter);
            if (found < 0) {
                throw new IllegalArgumentException(
                        "layerwise: the depth of parameter '%s' must be at least 0, but is %d"
                                .formatted(parameter.name(), found));
            }
            byDepth.computeIfAbsent(found, _ -> new ArrayList<>()).add(parameter);
        }
        var groups = new ArrayList<ParameterGroup>();
        byDepth.forEach(
                (found, members) -> {
                    double share = Arithmetic.power(factor, byDepth.lastKey() - found);
                    groups.add(
                            new ParameterGroup(
                                    name + "/" + found,
                                    rule.atLearningRate(rule.learningRate() * share),
                                    members));
                });
        return groups;
    }
}
