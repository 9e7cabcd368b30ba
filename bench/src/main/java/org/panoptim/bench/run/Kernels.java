package org.panoptim.bench.run;

import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.KernelBenchmark;
import org.panoptim.bench.Workload;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.cuda.driver.CudaException;

import java.util.ArrayList;
import java.util.List;

/** Measures a device's kernels by themselves. */
final class Kernels {

    private static final int ROUNDS = 15;
    private static final int ROUNDS_IF_QUICK = 5;

    /** A refresh and a micro-batch have many launches. */
    private static final int ROUNDS_OF_FACTORS = 3;

    private final Target target;
    private final Plan plan;

    Kernels(Target target, Plan plan) {
        this.target = target;
        this.plan = plan;
    }

    int units() {
        return plan.workloads().size() * plan.rules().size() + plan.models().size();
    }

    List<KernelTimes> measure(ProgressDisplay progress, List<String> leftOut) {
        var times = new ArrayList<KernelTimes>();
        int rounds = plan.quick() ? ROUNDS_IF_QUICK : ROUNDS;
        var measured = "kernels";
        try (var figures = new KernelBenchmark(target.name())) {
            for (var name : plan.workloads()) {
                for (var rule : plan.rules()) {
                    measured = "kernels of %s, %s".formatted(rule.name(), name);
                    progress.begin(measured);
                    times.addAll(figures.ofSteps(Workload.named(name), rule, rounds));
                    progress.advance();
                }
            }
            var refusal = figures.refusalOfFactors();
            refusal.ifPresent(reason -> leftOut.add("kernels of K-FAC: " + reason));
            for (var model : refusal.isPresent() ? List.<FactorSizes>of() : plan.models()) {
                measured = "kernels of K-FAC, " + model;
                progress.begin(measured);
                times.addAll(figures.ofFactors(model, ROUNDS_OF_FACTORS));
                progress.advance();
            }
        } catch (IllegalStateException | CudaException e) {
            throw new BenchException(measured + ": " + e.getMessage(), e);
        }
        return times;
    }
}
