package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;

/** Finds states by their names. */
record NamedStates(StepPlan plan, Execution execution) {

    /**
     * A state of a parameter.
     *
     * @throws IllegalArgumentException if there is no such parameter or state
     */
    StateTensor ofParameter(String parameter, String slot) {
        return findOfParameter(parameter, slot).orElseThrow(() -> noState(parameter, slot));
    }

    private IllegalArgumentException noState(String parameter, String slot) {
        for (var group : plan.groups()) {
            for (var candidate : group.parameters()) {
                if (candidate.name().equals(parameter)) {
                    var slots = group.rule().slots(candidate.shape());
                    return noState(group.rule(), slot, "parameter '" + parameter + "'", slots);
                }
            }
        }
        return new IllegalArgumentException("there is no parameter '" + parameter + "'");
    }

    /** A state of a parameter, if there is one. */
    Optional<StateTensor> findOfParameter(String parameter, String slot) {
        for (var group : plan.groups()) {
            for (var candidate : group.parameters()) {
                if (candidate.name().equals(parameter)) {
                    return find(candidate, group.rule(), slot);
                }
            }
        }
        return Optional.empty();
    }

    private Optional<StateTensor> find(Parameter parameter, UpdateRule rule, String slot) {
        var slots = rule.slots(parameter.shape());
        for (int i = 0; i < slots.size(); i++) {
            var candidate = slots.get(i);
            if (candidate.name().equals(slot)
                    && candidate.extent().isOfParameter()
                    && candidate.isKept()) {
                return Optional.of(execution.state(parameter, i));
            }
        }
        return Optional.empty();
    }

    /**
     * A state that a group's rule keeps for itself.
     *
     * @throws IllegalArgumentException if there is no such state
     */
    StateTensor ofRule(ParameterGroup group, String slot) {
        var rule = group.rule();
        return findOfRule(group.name(), slot)
                .orElseThrow(() -> noState(rule, slot, "itself", rule.slots()));
    }

    /** A state that a group's rule keeps for itself, if there is one. */
    Optional<StateTensor> findOfRule(String group, String slot) {
        var slots = GroupList.find(plan.groups(), group).rule().slots();
        for (int i = 0; i < slots.size(); i++) {
            if (slots.get(i).name().equals(slot) && !slots.get(i).extent().isOfParameter()) {
                return Optional.of(execution.ruleState(group, i));
            }
        }
        return Optional.empty();
    }

    /** The states of a parameter that are one number, with those that are for one step. */
    Map<String, Double> numbersOf(String group, Parameter parameter) {
        var slots = GroupList.find(plan.groups(), group).rule().slots(parameter.shape());
        return numbers(slots, Slot.Extent.TENSOR, slot -> execution.state(parameter, slot));
    }

    /** The states that a group's rule keeps for itself. */
    Map<String, Double> numbersOfGroup(String group) {
        var slots = GroupList.find(plan.groups(), group).rule().slots();
        return numbers(slots, Slot.Extent.RULE, slot -> execution.ruleState(group, slot));
    }

    private static Map<String, Double> numbers(
            List<Slot> slots, Slot.Extent extent, IntFunction<StateTensor> states) {
        var numbers = new LinkedHashMap<String, Double>();
        for (int i = 0; i < slots.size(); i++) {
            if (slots.get(i).extent() == extent) {
                numbers.put(slots.get(i).name(), states.apply(i).value());
            }
        }
        return numbers;
    }

    private static IllegalArgumentException noState(
            UpdateRule rule, String slot, String owner, List<Slot> slots) {
        return new IllegalArgumentException(
                "rule %s keeps no state '%s' for %s; it keeps %s"
                        .formatted(rule.name(), slot, owner, slots));
    }
}
