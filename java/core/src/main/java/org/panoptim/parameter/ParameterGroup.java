package org.panoptim.parameter;

import org.panoptim.internal.Arguments;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Objects;

/**
 * Parameters that share a rule and its hyper-parameters.
 *
 * @param name unique within the optimizer, without control characters
 * @param rule the rule
 * @param parameters the parameters, in the order in which they count for reductions
 * @param frozen whether the group is left alone: not measured, not updated (but zeroed, if
 *     gradients are)
 */
public record ParameterGroup(
        String name, UpdateRule rule, List<Parameter> parameters, boolean frozen) {

    /**
     * Checks the components and copies the list.
     *
     * @throws IllegalArgumentException if the name is empty or has control characters, or the rule
     *     is a {@link MatrixRule} or {@link LineRule} or keeps states of rows or columns, and a
     *     parameter's {@linkplain Parameter#order order} is not contiguous, or a MatrixRule
     *     {@linkplain MatrixRule#refusal refuses} a parameter's shape
     */
    public ParameterGroup {
        Names.check("group", name);
        Objects.requireNonNull(rule, "rule");
        parameters = Arguments.copyOf(parameters, "parameters");
        for (var parameter : parameters) {
            if (rule instanceof MatrixRule
                    || rule instanceof LineRule
                    || keepsRowsOrColumns(rule, parameter.shape())) {
                requireContiguous(name, rule, parameter);
            }
            if (rule instanceof MatrixRule matrix) {
                requireTaken(name, matrix, parameter);
            }
        }
    }

    private static void requireTaken(String group, MatrixRule rule, Parameter parameter) {
        var refusal = rule.refusal(parameter.shape());
        if (refusal.isPresent()) {
            throw new IllegalArgumentException(
                    "group '%s': rule %s refuses parameter '%s' of %s, since %s; give it another rule in a group of its own, with Optimizer.Builder.group(name, parameters, rule)"
                            .formatted(
                                    group,
                                    rule.name(),
                                    parameter.name(),
                                    parameter.shape(),
                                    refusal.get()));
        }
    }

    private static boolean keepsRowsOrColumns(UpdateRule rule, Shape parameter) {
        for (var slot : rule.slots(parameter)) {
            if (slot.extent() == Slot.Extent.ROW || slot.extent() == Slot.Extent.COLUMN) {
                return true;
            }
        }
        return false;
    }

    private static void requireContiguous(String group, UpdateRule rule, Parameter parameter) {
        if (!parameter.order().isContiguous()) {
            throw new IllegalArgumentException(
                    "group '%s': rule %s works on matrices, so parameter '%s' must be contiguous, but its dimensions lie in memory in the order %s"
                            .formatted(group, rule.name(), parameter.name(), parameter.order()));
        }
    }

    /** A group that is not frozen. */
    public ParameterGroup(String name, UpdateRule rule, List<Parameter> parameters) {
        this(name, rule, parameters, false);
    }

    /**
     * This group under another rule, or the same one with other hyper-parameters.
     *
     * @throws IllegalArgumentException if the new rule is of another kind, keeps other states, has
     *     other passes, or is computed by another kernel
     */
    public ParameterGroup withRule(UpdateRule other) {
        if (!isLike(Objects.requireNonNull(other, "other"))) {
            throw new IllegalArgumentException(
                    "group '"
                            + name
                            + "': rule "
                            + rule
                            + " with states "
                            + rule.slots()
                            + " cannot become "
                            + other
                            + " with states "
                            + other.slots()
                            + "; hyper-parameters may change, the rule and its states may not");
        }
        return new ParameterGroup(name, other, parameters, frozen);
    }

    private boolean isLike(UpdateRule other) {
        if (!other.name().equals(rule.name()) || !Slot.sameStates(other.slots(), rule.slots())) {
            return false;
        }
        for (var parameter : parameters) {
            var shape = parameter.shape();
            if (!Slot.sameStates(other.slots(shape), rule.slots(shape))
                    || !other.kernelName(shape).equals(rule.kernelName(shape))) {
                return false;
            }
        }
        return other.passes().equals(rule.passes()) && MatrixView.of(other) == MatrixView.of(rule);
    }

    /** This group frozen or not. */
    public ParameterGroup withFrozen(boolean value) {
        return new ParameterGroup(name, rule, parameters, value);
    }
}
