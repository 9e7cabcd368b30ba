package org.panoptim.bench.report;

import org.panoptim.bench.Scenario;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.StepTimes;

import java.util.List;
import java.util.OptionalDouble;

/**
 * How fast each optimizer is compared with the machine's limit. A peer's is Panoptim's by how many
 * times as fast Panoptim is, both from interleaved steps.
 */
final class Shares {

    private final Results results;

    Shares(Results results) {
        this.results = results;
    }

    /** The workloads that were compared with the limit, without those that show scaling. */
    List<String> workloads() {
        return results.against("limit")
                .filter(step -> !Charts.isScaled(step))
                .map(StepTimes::workload)
                .distinct()
                .toList();
    }

    /** Panoptim's for a step; empty if it was not measured. */
    OptionalDouble panoptim(String workload) {
        return advantage(workload, "limit");
    }

    /** A peer's for a step; empty if it was not measured. */
    OptionalDouble of(String workload, String peer) {
        var panoptim = panoptim(workload);
        var faster = advantage(workload, peer);
        return panoptim.isPresent() && faster.isPresent()
                ? OptionalDouble.of(panoptim.getAsDouble() / faster.getAsDouble())
                : OptionalDouble.empty();
    }

    private OptionalDouble advantage(String workload, String baseline) {
        return results.against(baseline)
                .filter(step -> step.workload().equals(workload))
                .filter(step -> step.scenario().equals(Scenario.STEP.name()))
                .mapToDouble(step -> step.advantage().median())
                .findFirst();
    }

    /** The peers that were measured, by name. */
    List<String> peers() {
        return results.steps().stream()
                .filter(StepTimes::isComparedWithPeer)
                .map(StepTimes::baseline)
                .distinct()
                .toList();
    }
}
