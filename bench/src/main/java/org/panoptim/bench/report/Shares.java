package org.panoptim.bench.report;

import org.panoptim.bench.Work;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.StepTimes;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Which share of the machine's limit each optimizer reaches. A peer's is Panoptim's by how many
 * times as fast Panoptim is, both taken from steps in turn.
 */
final class Shares {

    private final Results results;

    Shares(Results results) {
        this.results = results;
    }

    /** The workloads that were measured beside the limit, without those that show scaling. */
    List<String> workloads() {
        return results.beside("limit")
                .filter(step -> !Charts.isScaled(step))
                .map(StepTimes::workload)
                .distinct()
                .toList();
    }

    /** Panoptim's for a step; empty if it was not measured. */
    OptionalDouble own(String workload) {
        return advantage(workload, "limit");
    }

    /** A peer's for a step; empty if it was not measured. */
    OptionalDouble of(String workload, String peer) {
        var own = own(workload);
        var faster = advantage(workload, peer);
        return own.isPresent() && faster.isPresent()
                ? OptionalDouble.of(own.getAsDouble() / faster.getAsDouble())
                : OptionalDouble.empty();
    }

    private OptionalDouble advantage(String workload, String opponent) {
        return results.beside(opponent)
                .filter(step -> step.workload().equals(workload))
                .filter(step -> step.work().equals(Work.STEP.name()))
                .mapToDouble(step -> step.advantage().median())
                .findFirst();
    }

    /** The peers that were measured, by name. */
    List<String> peers() {
        return results.steps().stream()
                .filter(step -> step.beside().length > 0 && !step.isBesideLimit())
                .map(StepTimes::opponent)
                .distinct()
                .toList();
    }
}
