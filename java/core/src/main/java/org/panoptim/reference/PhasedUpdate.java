package org.panoptim.reference;

import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Slot;
import org.panoptim.spi.HostStates;

import java.util.List;
import java.util.function.ToDoubleFunction;

/** Runs the phases of all phased rules, with the reductions between them. */
final class PhasedUpdate {

    private final List<ParameterGroup> groups;
    private final List<GroupedTensor> tensors;
    private final HostStates states;
    private final StepScalars scalars;
    private final boolean statistics;

    /** The sums that phases have taken so far: a row a tensor, a column a reduction. */
    private final double[][] sums;

    /** The squared norm of each tensor's change. */
    private final double[] updateSquares;

    PhasedUpdate(
            List<ParameterGroup> groups,
            List<GroupedTensor> tensors,
            HostStates states,
            StepScalars scalars,
            boolean statistics) {
        this.groups = groups;
        this.tensors = tensors;
        this.states = states;
        this.scalars = scalars;
        this.statistics = statistics;
        this.sums = tensors.stream().map(PhasedUpdate::zeroSums).toArray(double[][]::new);
        this.updateSquares = new double[tensors.size()];
    }

    /** Advances the states of the rules that have a phase. */
    void settle(int phase) {
        for (var group : groups) {
            if (phase < phases(group)) {
                settle(phase, group);
            }
        }
    }

    /** Runs a phase on every live tensor whose rule has it. */
    void run(int phase) {
        for (int i = 0; i < tensors.size(); i++) {
            if (phase < phases(tensors.get(i))) {
                run(phase, i);
            }
        }
    }

    /** The squared norm of each tensor's change, for the last phase to have set. */
    double[] updateSquares() {
        return updateSquares;
    }

    /** The most phases that a rule has, of groups that are not frozen. */
    static int phases(List<ParameterGroup> groups) {
        return groups.stream().mapToInt(PhasedUpdate::phases).max().orElse(0);
    }

    private static double[] zeroSums(GroupedTensor grouped) {
        return new double[grouped.rule() instanceof PhasedRule rule ? rule.reductions().size() : 0];
    }

    private static int phases(GroupedTensor grouped) {
        return grouped.live() ? phases(grouped.group()) : 0;
    }

    private static int phases(ParameterGroup group) {
        return !group.frozen() && group.rule() instanceof PhasedRule rule ? rule.phases() : 0;
    }

    private void settle(int phase, ParameterGroup group) {
        var rule = (PhasedRule) group.rule();
        if (rule.slots().stream().anyMatch(slot -> slot.extent() == Slot.Extent.RULE)) {
            var sums = new double[rule.reductions().size()];
            for (int i = 0; i < sums.length; i++) {
                var reduction = rule.reductions().get(i);
                if (reduction.phase() < phase && reduction.scope() == Reduction.Scope.ALL) {
                    sums[i] = sumOverAll(rule.kernelName(), i);
                }
            }
            rule.settle(phase, scalars.settlement(rule, states.ruleSegments(group.name()), sums));
        }
    }

    private void run(int phase, int index) {
        var tensor = tensors.get(index).tensor();
        var rule = (PhasedRule) tensors.get(index).rule();
        boolean last = phase == rule.phases() - 1;
        var preparation = scalars.preparation(rule, tensor, reductionsBefore(phase, rule, index));
        var update = rule.prepare(phase, preparation);
        var element =
                new ElementView(
                        tensor,
                        rule.slots(tensor.parameter.shape()),
                        scalars.gradientFactor(rule),
                        scalars.curvatureFactor(rule),
                        rule.reductions(),
                        phase);
        var changes = new ReductionTree(tensor.elements);
        for (long i = 0; i < tensor.elements; i++) {
            element.at(i);
            float before = element.parameter();
            update.update(element);
            if (last && statistics) {
                float change = element.parameter() - before;
                changes.add(i, change, change);
            }
        }
        if (last) {
            updateSquares[index] = changes.sum();
        }
        element.storeSums(sums[index]);
    }

    private double[] reductionsBefore(int phase, PhasedRule rule, int index) {
        var values = new double[rule.reductions().size()];
        for (int i = 0; i < values.length; i++) {
            var reduction = rule.reductions().get(i);
            if (reduction.phase() < phase) {
                values[i] =
                        reduction.scope() == Reduction.Scope.TENSOR
                                ? sums[index][i]
                                : sumOverAll(kernelName(tensors.get(index)), i);
            }
        }
        return values;
    }

    /** The name of the kernel that updates a tensor of a phased rule. */
    private static String kernelName(GroupedTensor grouped) {
        return ((PhasedRule) grouped.rule()).kernelName(grouped.tensor().parameter.shape());
    }

    /** Joins a reduction over all that are updated by one kernel. */
    private double sumOverAll(String kernel, int reduction) {
        var values = new double[tensors.size()];
        for (int i = 0; i < values.length; i++) {
            var other = tensors.get(i);
            if (other.live()
                    && other.rule() instanceof PhasedRule
                    && kernelName(other).equals(kernel)) {
                values[i] = sums[i][reduction];
            }
        }
        return ReductionTree.join(values);
    }

    /** Sums over tensors, each by {@code leaf}, those that are not live as +0. */
    static double sumOverLive(List<GroupedTensor> tensors, ToDoubleFunction<Tensor> leaf) {
        return ReductionTree.join(
                tensors.stream()
                        .mapToDouble(
                                grouped ->
                                        grouped.live() ? leaf.applyAsDouble(grouped.tensor()) : 0)
                        .toArray());
    }
}
