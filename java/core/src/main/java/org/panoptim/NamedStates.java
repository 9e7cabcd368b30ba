package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.List;

/** Finds states by their names. */
record NamedStates(StepPlan plan, Execution execution) {

    /**
     * A state of a parameter.
     *
     * @throws IllegalArgumentException if there is no such parameter or state
     */
    StateTensor ofParameter(String parameter, String slot) {
        for (var group : plan.groups()) {
            for (var candidate : group.parameters()) {
                if (candidate.name().equals(parameter)) {
                    return ofParameter(candidate, group.rule(), slot);
                }
            }
        }
        throw new IllegalArgumentException("there is no parameter '" + parameter + "'");
    }

    private StateTensor ofParameter(Parameter parameter, UpdateRule rule, String slot) {
        var slots = rule.slots(parameter.shape());
        for (int i = 0; i < slots.size(); i++) {
            var candidate = slots.get(i);
            if (candidate.name().equals(slot)
                    && candidate.extent().isOfParameter()
                    && candidate.isKept()) {
                return execution.state(parameter, i);
            }
        }
        throw noState(rule, slot, "parameter '" + parameter.name() + "'", slots);
    }

    /**
     * A state that a group's rule keeps for itself.
     *
     * @throws IllegalArgumentException if there is no such state
     */
    StateTensor ofRule(ParameterGroup group, String slot) {
        var rule = group.rule();
        for (int i = 0; i < rule.slots().size(); i++) {
            var candidate = rule.slots().get(i);
            if (candidate.name().equals(slot) && !candidate.extent().isOfParameter()) {
                return execution.ruleState(group.name(), i);
            }
        }
        throw noState(rule, slot, "itself", rule.slots());
    }

    private static IllegalArgumentException noState(
            UpdateRule rule, String slot, String owner, List<Slot> slots) {
        return new IllegalArgumentException(
                "rule %s keeps no state '%s' for %s; it keeps %s"
                        .formatted(rule.name(), slot, owner, slots));
    }
}
