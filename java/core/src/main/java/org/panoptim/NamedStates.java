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
import java.util.OptionalDouble;
import java.util.function.IntFunction;
import java.util.function.Predicate;

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

    /**
     * The numbers of a parameter that reports tell.
     *
     * @param known whether the last step says anything of a number; the others are named too
     */
    Map<String, OptionalDouble> numbersOf(
            ParameterGroup group, Parameter parameter, Predicate<Slot> known) {
        return numbers(
                group.rule().slots(parameter.shape()),
                Slot.Extent.TENSOR,
                known,
                slot -> execution.state(parameter, slot));
    }

    /** The same of a group's rule. */
    Map<String, OptionalDouble> numbersOfGroup(ParameterGroup group, Predicate<Slot> known) {
        return numbers(
                group.rule().slots(),
                Slot.Extent.RULE,
                known,
                slot -> execution.ruleState(group.name(), slot));
    }

    private static Map<String, OptionalDouble> numbers(
            List<Slot> slots,
            Slot.Extent extent,
            Predicate<Slot> known,
            IntFunction<StateTensor> states) {
        var numbers = new LinkedHashMap<String, OptionalDouble>();
        for (int i = 0; i < slots.size(); i++) {
            var slot = slots.get(i);
            if (slot.extent() == extent && slot.reported()) {
                numbers.put(
                        slot.name(),
                        known.test(slot)
                                ? OptionalDouble.of(states.apply(i).value())
                                : OptionalDouble.empty());
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
