package org.panoptim;

import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.TensorSums;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * Makes statistics of parameters and groups from the sums of a step.
 *
 * @param sums of the step's own rules, which are not empty
 * @param rates each group's learning rate, by name
 * @param hasValues whether what the rules update are the parameters themselves
 * @param rules the states of the step's own rules, and then those of the companions
 */
record StatisticsReader(
        StepSums sums, Map<String, Double> rates, boolean hasValues, List<NamedStates> rules) {

    /** A parameter and what is known of it. */
    private record Found(Parameter parameter, TensorSums sums) {}

    Map<String, StepStatistics> ofParameters() {
        var all = new LinkedHashMap<String, StepStatistics>();
        int index = 0;
        for (var group : groups()) {
            for (var parameter : group.parameters()) {
                var found = new Found(parameter, sums.parameters().get(index++));
                var numbers = new LinkedHashMap<String, Double>();
                rules.forEach(each -> numbers.putAll(each.numbersOf(group.name(), parameter)));
                all.put(parameter.name(), statistics(group, List.of(found), numbers));
            }
        }
        return all;
    }

    Map<String, StepStatistics> ofGroups() {
        var all = new LinkedHashMap<String, StepStatistics>();
        int index = 0;
        for (var group : groups()) {
            var members = group.parameters();
            var own = sums.parameters().subList(index, index + members.size());
            index += members.size();
            var found =
                    Stream.iterate(0, i -> i < members.size(), i -> i + 1)
                            .map(i -> new Found(members.get(i), own.get(i)))
                            .toList();
            var numbers = new LinkedHashMap<String, Double>();
            rules.forEach(each -> numbers.putAll(each.numbersOfGroup(group.name())));
            all.put(group.name(), statistics(group, found, numbers));
        }
        return all;
    }

    private List<ParameterGroup> groups() {
        return rules.getFirst().plan().groups();
    }

    private StepStatistics statistics(
            ParameterGroup group, List<Found> found, Map<String, Double> numbers) {
        var updated = found.stream().filter(each -> each.sums.isUpdated()).toList();
        double elements = updated.stream().mapToLong(each -> each.parameter.elements()).sum();
        double held = updated.stream().mapToDouble(each -> each.sums.held()).sum();
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
