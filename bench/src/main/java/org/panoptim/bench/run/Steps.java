package org.panoptim.bench.run;

import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.panoptim.bench.StepBenchmark;
import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.bench.run.Plan.Effort;
import org.panoptim.bench.run.Plan.StepRun;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Measures steps by JMH. */
final class Steps {

    private final Jvm jvm;
    private final ProgressDisplay progress;
    private final List<RunResult> results = new ArrayList<>();

    Steps(Jvm jvm, ProgressDisplay progress) {
        this.jvm = jvm;
        this.progress = progress;
    }

    /**
     * Measures one.
     *
     * @throws BenchException if the benchmark fails; with its message
     */
    StepTimes measure(StepRun run) {
        var effort = run.effort();
        progress.begin(
                "%s, %s, compared with %s"
                        .formatted(run.workload(), run.scenario().title(), run.baseline()));
        var options =
                new OptionsBuilder()
                        .include("^" + StepBenchmark.class.getName().replace(".", "\\.") + "\\.")
                        .param("workload", run.workload())
                        .param("scenario", run.scenario().name())
                        .param("baseline", run.baseline())
                        .param("backend", run.backend())
                        .forks(effort.forks())
                        .warmupIterations(effort.warmUps())
                        .warmupTime(time(effort))
                        .measurementIterations(effort.iterations())
                        .measurementTime(time(effort))
                        .jvmArgs(jvm.arguments().toArray(String[]::new))
                        .addProfiler(GCProfiler.class)
                        .shouldFailOnError(true)
                        .build();
        var format = new JmhProgress(progress);
        try {
            var result = new Runner(options, format).runSingle();
            results.add(result);
            return times(run, result);
        } catch (RunnerException e) {
            throw new BenchException(
                    "%s, %s, compared with %s: %s"
                            .formatted(
                                    run.workload(),
                                    run.scenario().title(),
                                    run.baseline(),
                                    format.failure().orElse(String.valueOf(e.getMessage()))),
                    e);
        }
    }

    private static TimeValue time(Effort effort) {
        return new TimeValue(effort.length().toMillis(), TimeUnit.MILLISECONDS);
    }

    /** JMH's own results of all that was measured. */
    Collection<RunResult> results() {
        return results;
    }

    private static StepTimes times(StepRun run, RunResult result) {
        var iterations =
                result.getBenchmarkResults().stream()
                        .flatMap(fork -> fork.getIterationResults().stream())
                        .toList();
        var workload = Workload.named(run.workload());
        boolean alone = run.baseline().equals("none");
        return new StepTimes(
                run.workload(),
                run.scenario().name(),
                run.backend(),
                run.baseline(),
                run.description(),
                workload.shapes().size(),
                workload.elements(),
                perCall(iterations, "step"),
                alone ? new double[0] : perCall(iterations, "baseline"),
                allocated(iterations));
    }

    /** The median, for in the last iteration the check at the end allocates. */
    private static double allocated(List<IterationResult> iterations) {
        return Spread.of(
                        iterations.stream()
                                .mapToDouble(
                                        each ->
                                                score(each, "gc.alloc.rate.norm")
                                                        * score(each, "turns")
                                                        / score(each, "steps"))
                                .toArray())
                .median();
    }

    private static double[] perCall(List<IterationResult> iterations, String key) {
        return iterations.stream()
                .mapToDouble(each -> score(each, key) / score(each, "turns"))
                .toArray();
    }

    private static double score(IterationResult iteration, String key) {
        return iteration.getSecondaryResults().get(key).getScore();
    }
}
