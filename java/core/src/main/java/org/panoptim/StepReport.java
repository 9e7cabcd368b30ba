package org.panoptim;

import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Where an optimizer stands after its last step.
 *
 * @param step accepted steps
 * @param skipped refused steps
 * @param accepted whether the last attempt was accepted; false before the first
 * @param lossScale what the next gradients must come multiplied by
 * @param learningRates each group's learning rate times the schedule's factor of the last step (and
 *     that of {@link org.panoptim.rule.Hypergradient}), by name, in registration order; times 1
 *     before the first step and after a checkpoint was loaded
 * @param counts each parameter's steps, by name, in registration order
 * @param gradientNorm the last gradient's global norm, unscaled, before clipping; empty if nothing
 *     asked for it (see {@link Optimizer.Builder#statistics})
 * @param updateNorm the global norm of the parameters' last change, before it is rounded to their
 *     types; empty unless the last step took statistics
 * @param parameters what the last step did to each parameter, by name, in registration order; empty
 *     unless it took statistics
 * @param groups the same of each group
 * @param clipCoefficient what the last gradient was multiplied by to bound its norm; 1 if no norm
 *     is bounded. After a refused attempt what its norm would have led to: 0 of an infinite one,
 *     NaN of one that is not a number
 */
public record StepReport(
        long step,
        long skipped,
        boolean accepted,
        double lossScale,
        Map<String, Double> learningRates,
        Map<String, Long> counts,
        OptionalDouble gradientNorm,
        OptionalDouble updateNorm,
        double clipCoefficient,
        Map<String, StepStatistics> parameters,
        Map<String, StepStatistics> groups) {

    /** Copies the maps. */
    public StepReport {
        Objects.requireNonNull(learningRates, "learningRates");
        Objects.requireNonNull(counts, "counts");
        Objects.requireNonNull(gradientNorm, "gradientNorm");
        Objects.requireNonNull(updateNorm, "updateNorm");
        Objects.requireNonNull(parameters, "parameters");
        Objects.requireNonNull(groups, "groups");
        parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
        groups = Collections.unmodifiableMap(new LinkedHashMap<>(groups));
        learningRates = Collections.unmodifiableMap(new LinkedHashMap<>(learningRates));
        counts = Collections.unmodifiableMap(new LinkedHashMap<>(counts));
    }

    /**
     * The report of an execution; on a device this waits for the last step.
     *
     * @param companions whose numbers and factors of learning rates go with it
     */
    static StepReport of(StepPlan plan, Execution execution, Companions companions) {
        var outcome = execution.outcome();
        var rates = new LinkedHashMap<String, Double>();
        for (var group : plan.groups()) {
            rates.put(
                    group.name(),
                    group.rule().learningRate()
                            * outcome.rateFactor()
                            * companions.rateFactor(group.name()));
        }
        var counts = new LinkedHashMap<String, Long>();
        for (var parameter : plan.parameters()) {
            counts.put(parameter.name(), execution.count(parameter));
        }
        var counters = outcome.counters();
        var statistics = statistics(plan, execution, companions, rates);
        return new StepReport(
                counters.step(),
                counters.skipped(),
                outcome.accepted(),
                counters.lossScale(),
                rates,
                counts,
                outcome.gradientNorm(),
                outcome.updateNorm(),
                outcome.clipCoefficient(),
                statistics.map(StatisticsReader::ofParameters).orElse(Map.of()),
                statistics.map(StatisticsReader::ofGroups).orElse(Map.of()));
    }

    private static Optional<StatisticsReader> statistics(
            StepPlan plan, Execution execution, Companions companions, Map<String, Double> rates) {
        var sums = execution.sums();
        if (sums.parameters().isEmpty()) {
            return Optional.empty();
        }
        var rules = new ArrayList<NamedStates>();
        rules.add(new NamedStates(plan, execution));
        rules.addAll(companions.named());
        return Optional.of(
                new StatisticsReader(sums, rates, plan.lent().updates().isEmpty(), rules));
    }
}
