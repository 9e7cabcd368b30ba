package org.panoptim.bench.run;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.KfacRefresh;
import org.panoptim.bench.result.RefreshTimes;

import java.util.ArrayList;
import java.util.List;

/** Measures the inversion of Kronecker factors by JMH, and beside it PyTorch's. */
final class Refreshes {

    private static final List<FactorSizes> MODELS =
            List.of(FactorSizes.RESNET50, FactorSizes.GPT2_SMALL);
    private static final int ITERATIONS = 3;

    private final Jvm jvm;
    private final List<RunResult> results = new ArrayList<>();

    Refreshes(Jvm jvm) {
        this.jvm = jvm;
    }

    int units() {
        return MODELS.size() * (KfacRefresh.Method.values().length * (1 + ITERATIONS) + 1);
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
        var options =
                new OptionsBuilder()
                        .include("^" + KfacRefresh.class.getName().replace(".", "\\.") + "\\.")
                        .param("model", model.name())
                        .param("method", method.name())
                        .forks(1)
                        .warmupIterations(1)
                        .measurementIterations(ITERATIONS)
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
