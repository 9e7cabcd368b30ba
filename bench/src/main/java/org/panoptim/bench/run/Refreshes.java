package org.panoptim.bench.run;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.KfacRefresh;
import org.panoptim.bench.result.RefreshTimes;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Measures the inversion of Kronecker factors by JMH, and beside it PyTorch's. */
final class Refreshes {

    private static final List<FactorSizes> MODELS =
            List.of(FactorSizes.RESNET50, FactorSizes.GPT2_SMALL);
    private static final int ITERATIONS = 3;

    /** Newton's method takes minutes on a processor, where it has to be told, not timed finely. */
    private static final Map<KfacRefresh.Method, Effort> EFFORTS =
            Map.of(
                    KfacRefresh.Method.CHOLESKY, new Effort(1, 1, ITERATIONS, Duration.ZERO),
                    KfacRefresh.Method.NEWTON, new Effort(1, 0, 1, Duration.ZERO));

    private final Jvm jvm;
    private final List<RunResult> results = new ArrayList<>();

    Refreshes(Jvm jvm) {
        this.jvm = jvm;
    }

    int units() {
        return MODELS.size() * (EFFORTS.values().stream().mapToInt(Effort::units).sum() + 1);
    }

    List<RefreshTimes> measure(Progress progress, List<String> leftOut) {
        var times = new ArrayList<RefreshTimes>();
        for (var model : MODELS) {
            progress.begin("inverses of %s's factors, PyTorch".formatted(model));
            try {
                times.add(TorchRefreshes.measure(model, ITERATIONS));
            } catch (BenchException e) {
                leftOut.add("kfac: PyTorch on %s: %s".formatted(model, e.getMessage()));
            }
            progress.advance();
            for (var method : KfacRefresh.Method.values()) {
                progress.begin("inverses of %s's factors, %s".formatted(model, method));
                times.add(measure(model, method, progress));
            }
        }
        return times;
    }

    private RefreshTimes measure(FactorSizes model, KfacRefresh.Method method, Progress progress) {
        var effort = Objects.requireNonNull(EFFORTS.get(method));
        var options =
                new OptionsBuilder()
                        .include("^" + KfacRefresh.class.getName().replace(".", "\\.") + "\\.")
                        .param("model", model.name())
                        .param("method", method.name())
                        .forks(effort.forks())
                        .warmupIterations(effort.warmUps())
                        .measurementIterations(effort.iterations())
                        .jvmArgs(jvm.arguments().toArray(String[]::new))
                        .shouldFailOnError(true)
                        .build();
        var format = new JmhProgress(progress);
        try {
            var result = new Runner(options, format).runSingle();
            results.add(result);
            return new RefreshTimes(
                    model.name(),
                    method.name(),
                    result.getBenchmarkResults().stream()
                            .flatMap(fork -> fork.getIterationResults().stream())
                            .mapToDouble(each -> each.getPrimaryResult().getScore())
                            .toArray());
        } catch (RunnerException e) {
            throw new BenchException(
                    "inverses of %s's factors, %s: %s"
                            .formatted(
                                    model,
                                    method,
                                    format.failure().orElse(String.valueOf(e.getMessage()))),
                    e);
        }
    }

    List<RunResult> results() {
        return results;
    }
}
