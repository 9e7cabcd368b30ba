package org.panoptim;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Rules;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/** Whether what rules say of themselves holds together, on any backend. */
final class RuleChecks {

    /** What a kernel computes, for a rule that names it. */
    private record Kernel(UpdateRule rule, List<Slot> slots, List<Reduction> reductions) {}

    private RuleChecks() {}

    /**
     * Checks the rules of groups, for the shapes of their parameters.
     *
     * @throws IllegalArgumentException if something does not fit, with the rule's name
     */
    static void check(List<ParameterGroup> groups) {
        groups.forEach(group -> requireStep(group.rule()));
        checkKinds(groups);
    }

    private static void checkKinds(List<ParameterGroup> groups) {
        var kernels = new HashMap<String, Kernel>();
        for (var group : groups) {
            var rule = group.rule();
            // The library's own are checked by its tests.
            boolean trusted = Rules.isOfLibrary(rule);
            if (!trusted) {
                Rules.requireOtherName(rule);
                check(rule, rule.slots(), rule.reductions());
            }
            // A group without parameters settles states of its rule too.
            var own = new Kernel(rule, rule.slots(), rule.reductions());
            requireOneMeaning(kernels, rule.kernelName(), own);
            for (var parameter : group.parameters()) {
                var shape = parameter.shape();
                var kernel = new Kernel(rule, rule.slots(shape), rule.reductions(shape));
                if (!trusted) {
                    check(rule, kernel.slots, kernel.reductions);
                    requireSameRuleStates(rule, kernel.slots);
                }
                requireOneMeaning(kernels, rule.kernelName(shape), kernel);
            }
        }
    }

    /** Checks a rule and the states that it keeps and the sums that it takes for some shape. */
    static void check(UpdateRule rule, List<Slot> slots, List<Reduction> reductions) {
        requireOrder(rule, slots);
        requirePasses(rule);
        requirePhases(rule, reductions);
        requireLines(rule, reductions);
        if (rule instanceof MatrixRule matrix && matrix.phases() < 2) {
            throw refused(
                    rule,
                    "it works on matrices between its phases, so it must have two at least, but has"
                            + " "
                            + matrix.phases());
        }
    }

    private static void requireStep(UpdateRule rule) {
        if (rule.phases() < 1) {
            throw refused(
                    rule,
                    rule.passes().isEmpty()
                            ? "it must have at least one phase, but has " + rule.phases()
                            : "it has passes alone and takes no step; make it a companion of the"
                                    + " rule that does");
        }
    }

    /**
     * Checks a rule with passes alone.
     *
     * @param groups those that it accompanies, under it
     * @throws IllegalArgumentException if something does not fit, with the rule's name
     */
    static void checkCompanion(UpdateRule rule, List<ParameterGroup> groups) {
        if (rule.phases() != 0 || rule.passes().isEmpty()) {
            throw refused(
                    rule,
                    "a companion has passes and no phases of a step, but it has %d passes and %d phases"
                            .formatted(rule.passes().size(), rule.phases()));
        }
        if (rule.takesCurvature() || rule instanceof MatrixRule) {
            throw refused(
                    rule, "a companion takes no curvature and does nothing between its phases");
        }
        checkKinds(groups);
    }

    private static void requireOrder(UpdateRule rule, List<Slot> slots) {
        var names = new HashSet<String>();
        for (int i = 0; i < slots.size(); i++) {
            var slot = slots.get(i);
            if (!names.add(slot.name())) {
                throw refused(rule, "two of its states are named '" + slot.name() + "'");
            }
            if (i > 0 && slot.extent().compareTo(slots.get(i - 1).extent()) < 0) {
                throw refused(
                        rule,
                        "states of elements come first, then those of rows, columns, the tensor and"
                                + " the rule; but "
                                + slots.get(i - 1)
                                + " comes before "
                                + slot);
            }
        }
    }

    private static void requirePhases(UpdateRule rule, List<Reduction> reductions) {
        for (var reduction : reductions) {
            int last = lastWith(rule, reduction.phase());
            if (reduction.phase() >= last) {
                throw refused(
                        rule,
                        "'%s' is summed in phase %d, but no phase reads it, since phase %d is the last"
                                .formatted(reduction.name(), reduction.phase(), last));
            }
        }
    }

    /** A phase walks over panels of matrices, or over elements in their order; not over both. */
    private static void requireLines(UpdateRule rule, List<Reduction> reductions) {
        for (var reduction : reductions) {
            if (!reduction.scope().isOfLines()) {
                continue;
            }
            if (!(rule instanceof LineRule lines)) {
                throw refused(
                        rule,
                        "it sums '%s' over rows or columns, so it must implement LineRule"
                                .formatted(reduction.name()));
            }
            if (lines.takesTotals() && !sumsOverRows(reductions, reduction.phase())) {
                throw refused(
                        rule,
                        "it takes totals of rows, so phase %d, which sums '%s' over columns, must sum over rows too"
                                .formatted(reduction.phase(), reduction.name()));
            }
            for (var other : reductions) {
                if (other.phase() == reduction.phase() && !other.scope().isOfLines()) {
                    throw refused(
                            rule,
                            "phase %d sums '%s' over rows or columns, so it cannot sum '%s' over the parameter or all of them; another phase can"
                                    .formatted(reduction.phase(), reduction.name(), other.name()));
                }
            }
        }
    }

    private static boolean sumsOverRows(List<Reduction> reductions, int phase) {
        return reductions.stream()
                .anyMatch(each -> each.phase() == phase && each.scope() == Reduction.Scope.ROW);
    }

    /** The last phase of the step or pass that a phase belongs to; of all, if it is behind them. */
    private static int lastWith(UpdateRule rule, int phase) {
        int end = rule.phases();
        for (var pass : rule.passes()) {
            if (phase < end) {
                break;
            }
            end += pass.phases();
        }
        return end - 1;
    }

    private static void requirePasses(UpdateRule rule) {
        var names = new HashSet<String>();
        for (var pass : rule.passes()) {
            if (!names.add(pass.name())) {
                throw refused(rule, "two of its passes are named '" + pass.name() + "'");
            }
        }
        for (var pass : rule.passes()) {
            pass.closing().ifPresent(closing -> requireClosing(rule, pass, closing));
        }
    }

    private static void requireClosing(UpdateRule rule, Pass pass, String closing) {
        if (rule.passes().stream()
                .noneMatch(other -> other.name().equals(closing) && other.closing().isEmpty())) {
            throw refused(
                    rule,
                    "its pass '%s' is closed by '%s', which is no pass of it that opens nothing itself"
                            .formatted(pass.name(), closing));
        }
    }

    /** The states of the rule as a whole are one and the same for parameters of all shapes. */
    private static void requireSameRuleStates(UpdateRule rule, List<Slot> slots) {
        if (!ofRule(slots).equals(ofRule(rule.slots()))) {
            throw refused(
                    rule,
                    "its states of the rule as a whole must not depend on a parameter's shape, but"
                            + " are "
                            + ofRule(rule.slots())
                            + " and "
                            + ofRule(slots));
        }
    }

    private static List<Slot> ofRule(List<Slot> slots) {
        return slots.stream().filter(slot -> slot.extent() == Slot.Extent.RULE).toList();
    }

    /** Rules that one kernel computes are summed together and take turns in one pass. */
    private static void requireOneMeaning(Map<String, Kernel> kernels, String name, Kernel kernel) {
        var rule = kernel.rule;
        if (!name.equals(rule.kernelName())) {
            for (var reduction : kernel.reductions) {
                if (reduction.scope() == Reduction.Scope.ALL) {
                    throw refused(
                            rule,
                            "its kernel depends on a parameter's shape, so it cannot sum '%s' over all of them"
                                    .formatted(reduction.name()));
                }
            }
        }
        var other = kernels.putIfAbsent(name, kernel);
        if (other == null) {
            return;
        }
        var first = other.rule;
        if (first.phases() != rule.phases()
                || !first.passes().equals(rule.passes())
                || first.takesCurvature() != rule.takesCurvature()
                || !other.reductions.equals(kernel.reductions)
                || MatrixView.of(first) != MatrixView.of(rule)
                || !Slot.sameStates(other.slots, kernel.slots)) {
            throw refused(
                    rule,
                    "it names the kernel '%s', as %s does, but differs from that in phases, passes, sums, curvature or states"
                            .formatted(name, first));
        }
    }

    private static IllegalArgumentException refused(UpdateRule rule, String reason) {
        return new IllegalArgumentException("rule " + rule.name() + ": " + reason);
    }
}
