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
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

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

    private StepStatistics statistics(
            ParameterGroup group, List<Found> found, Map<String, OptionalDouble> numbers) {
        var updated = found.stream().filter(each -> each.sums.isUpdated()).toList();
        double elements = updated.stream().mapToLong(each -> each.parameter.elements()).sum();
        double held = updated.stream().mapToDouble(each -> each.sums.held()).sum();
        boolean hasValues = plan.lent().updates().isEmpty();
        return new StepStatistics(
                rates.get(group.name()),
                norm(
                        found,
                        TensorSums::hasGradient,
                        TensorSums::gradientSquares,
                        sums.gradientScale()),
                hasValues
                        ? norm(found, TensorSums::isUpdated, TensorSums::valueSquares, 1)
                        : OptionalDouble.empty(),
                norm(found, TensorSums::isUpdated, TensorSums::updateSquares, 1),
                updated.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(held / elements),
                numbers);
    }

    /** The norm of those that are known, if there is any. */
    private static OptionalDouble norm(
            List<Found> found,
            Predicate<TensorSums> known,
            ToDoubleFunction<TensorSums> squares,
            double scale) {
        var present = found.stream().map(Found::sums).filter(known).toList();
        return present.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(Math.sqrt(present.stream().mapToDouble(squares).sum()) * scale);
    }
}
