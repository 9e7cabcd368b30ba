package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.TensorSums;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Makes statistics of parameters and groups from the sums of a step.
 *
 * @param plan what statistics are wanted of
 * @param sums of the step's own rules; empty if it took none, and then nothing is known
 * @param rates each group's learning rate, by name
 * @param rules the states of the step's own rules, and then those of the companions
 */
record StatisticsReader(
        StepPlan plan, StepSums sums, Map<String, Double> rates, List<NamedStates> rules) {

    /** A parameter and what is known of it. */
    private record Found(Parameter parameter, TensorSums sums) {}

    /** Statistics of each parameter, by name, in registration order. */
    Map<String, StepStatistics> ofParameters() {
        var all = new LinkedHashMap<String, StepStatistics>();
        int index = 0;
        for (int group = 0; group < plan.groups().size(); group++) {
            for (var parameter : plan.groups().get(group).parameters()) {
                all.put(parameter.name(), ofParameter(group, parameter, sumsOf(index++)));
            }
        }
        return all;
    }

    /** Statistics of each group, by name, in registration order. */
    Map<String, StepStatistics> ofGroups() {
        var all = new LinkedHashMap<String, StepStatistics>();
        for (int group = 0; group < plan.groups().size(); group++) {
            all.put(plan.groups().get(group).name(), ofGroup(group));
        }
        return all;
    }

    /** Statistics of one parameter of a group, by the group's place. */
    StepStatistics ofParameter(int group, Parameter parameter) {
        var members = plan.groups().get(group).parameters();
        return ofParameter(group, parameter, sumsOf(firstOf(group) + members.indexOf(parameter)));
    }

    private StepStatistics ofParameter(int group, Parameter parameter, TensorSums own) {
        var numbers = new LinkedHashMap<String, OptionalDouble>();
        for (var each : rules) {
            numbers.putAll(
                    each.numbersOf(
                            each.plan().groups().get(group),
                            parameter,
                            slot -> isKnown(slot, own.isUpdated())));
        }
        return statistics(plan.groups().get(group), List.of(new Found(parameter, own)), numbers);
    }

    /** Statistics of a group, by its place. */
    StepStatistics ofGroup(int group) {
        var found = new ArrayList<Found>();
        int index = firstOf(group);
        for (var parameter : plan.groups().get(group).parameters()) {
            found.add(new Found(parameter, sumsOf(index++)));
        }
        var numbers = new LinkedHashMap<String, OptionalDouble>();
        for (var each : rules) {
            numbers.putAll(
                    each.numbersOfGroup(
                            each.plan().groups().get(group), slot -> isKnown(slot, true)));
        }
        return statistics(plan.groups().get(group), found, numbers);
    }

    private int firstOf(int group) {
        int first = 0;
        for (int i = 0; i < group; i++) {
            first += plan.groups().get(i).parameters().size();
        }
        return first;
    }

    private TensorSums sumsOf(int index) {
        return isTaken() ? sums.parameters().get(index) : TensorSums.NONE;
    }

    private boolean isTaken() {
        return !sums.parameters().isEmpty();
    }

    /** What is of one step is known of what was updated in it alone: else it is of another one. */
    private boolean isKnown(Slot slot, boolean updated) {
        return isTaken() && (slot.isKept() || updated);
    }

    /** Plain loops: a report may be of very many parameters. */
    private StepStatistics statistics(
            ParameterGroup group, List<Found> found, Map<String, OptionalDouble> numbers) {
        var gradient = new Norm();
        var value = new Norm();
        var update = new Norm();
        boolean hasValues = plan.lent().updates().isEmpty();
        double elements = 0;
        double held = 0;
        for (var each : found) {
            var own = each.sums;
            if (own.hasGradient()) {
                gradient.add(own.gradientSquares());
            }
            if (own.isUpdated()) {
                update.add(own.updateSquares());
                if (hasValues) {
                    value.add(own.valueSquares());
                }
                elements += each.parameter.elements();
                held += own.held();
            }
        }
        return new StepStatistics(
                rates.get(group.name()),
                gradient.times(sums.gradientScale()),
                value.times(1),
                update.times(1),
                update.isKnown ? OptionalDouble.of(held / elements) : OptionalDouble.empty(),
                numbers);
    }

    /** The norm of those that are known, if there is any. */
    private static final class Norm {

        private double squares;
        private boolean isKnown;

        void add(double more) {
            squares += more;
            isKnown = true;
        }

        OptionalDouble times(double scale) {
            return isKnown ? OptionalDouble.of(Math.sqrt(squares) * scale) : OptionalDouble.empty();
        }
    }
}
