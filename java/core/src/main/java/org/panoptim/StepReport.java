package org.panoptim;

import org.panoptim.shard.TeamTraffic;
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
 * @param learningRates each group's learning rate in the last step: its rule's, as it was then,
 *     times the schedule's factor of that step (and that of {@link
 *     org.panoptim.rule.Hypergradient}), by name, in registration order. Of a group that was added
 *     since, before the first step and after a checkpoint was loaded, the present one; of steps
 *     that a framework's graph repeats by itself, that of the last call
 * @param counts each parameter's steps, by name, in registration order
 * @param gradientNorm the last gradient's global norm, unscaled, before clipping, as companions and
 *     a transform have left it; empty if nothing asked for it (see {@link
 *     Optimizer.Builder#statistics})
 * @param updateNorm the global norm of the rules' last updates, as {@link
 *     StepStatistics#updateNorm}; empty unless the last step took statistics and was accepted
 * @param parameters what the last step did to each parameter, by name, in registration order, if
 *     the optimizer takes statistics; of a step that took none all but the learning rate is empty
 * @param groups the same of each group
 * @param clipCoefficient what the last gradient was multiplied by to bound its norm; 1 if no norm
 *     is bounded. After a refused attempt what its norm would have led to: 0 of an infinite one,
 *     NaN of one that is not a number
 * @param team what the last step cost this member of a team; empty without one, before the first
 *     step and after a refused one
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
        Map<String, StepStatistics> groups,
        Optional<TeamTraffic> team) {

    /** Copies the maps. */
    public StepReport {
        Objects.requireNonNull(learningRates, "learningRates");
        Objects.requireNonNull(counts, "counts");
        Objects.requireNonNull(gradientNorm, "gradientNorm");
        Objects.requireNonNull(updateNorm, "updateNorm");
        Objects.requireNonNull(parameters, "parameters");
        Objects.requireNonNull(groups, "groups");
        Objects.requireNonNull(team, "team");
        parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
        groups = Collections.unmodifiableMap(new LinkedHashMap<>(groups));
        learningRates = Collections.unmodifiableMap(new LinkedHashMap<>(learningRates));
        counts = Collections.unmodifiableMap(new LinkedHashMap<>(counts));
    }

    /**
     * The report of an execution; on a device this waits for the last step.
     *
     * @param plan the present plan
     * @param stepped that of the last step
     * @param companions whose numbers and factors of learning rates go with it
     * @param team what the last step cost a member of one
     */
    static StepReport of(
            StepPlan plan,
            StepPlan stepped,
            Execution execution,
            Companions companions,
            Optional<TeamTraffic> team) {
        var outcome = execution.outcome();
        var rates = rates(plan, stepped, outcome.rateFactor(), companions);
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
                statistics.map(StatisticsReader::ofGroups).orElse(Map.of()),
                team);
    }

    /** Each group's learning rate in the last step. */
    private static Map<String, Double> rates(
            StepPlan plan, StepPlan stepped, double factor, Companions companions) {
        var rates = new LinkedHashMap<String, Double>();
        for (int i = 0; i < plan.groups().size(); i++) {
            // Groups keep their places, and others come behind them.
            var group = (i < stepped.groups().size() ? stepped : plan).groups().get(i);
            rates.put(
                    group.name(),
                    group.rule().learningRate() * factor * companions.rateFactor(group.name()));
        }
        return rates;
    }

    /** What reads the statistics of the last step; empty if the optimizer takes none at all. */
    static Optional<StatisticsReader> statistics(
            StepPlan plan, StepPlan stepped, Execution execution, Companions companions) {
        double factor = execution.observed().rateFactor();
        return statistics(plan, execution, companions, rates(plan, stepped, factor, companions));
    }

    private static Optional<StatisticsReader> statistics(
            StepPlan plan, Execution execution, Companions companions, Map<String, Double> rates) {
        if (!plan.takesStatistics()) {
            return Optional.empty();
        }
        var rules = new ArrayList<NamedStates>();
        rules.add(new NamedStates(plan, execution));
        rules.addAll(companions.named());
        return Optional.of(new StatisticsReader(plan, execution.sums(), rates, rules));
    }
}
