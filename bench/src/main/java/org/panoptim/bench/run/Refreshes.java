package org.panoptim.bench.run;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.FactorSizes;
import org.panoptim.bench.KfacRefresh;
import org.panoptim.bench.result.Results.RefreshTimes;
import org.panoptim.bench.run.Plan.Effort;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Measures the inversion of Kronecker factors by JMH, and PyTorch's on the same sizes. */
final class Refreshes {

    private static final Effort THOROUGH = new Effort(1, 1, 3, Duration.ZERO);
    private static final Effort ONCE = new Effort(1, 0, 1, Duration.ZERO);

    /** A device takes less time than Java to compile what the host does meanwhile. */
    private static final Effort ON_DEVICE = new Effort(1, 5, 9, Duration.ZERO);

    private static final Effort NEWTON_ON_DEVICE = new Effort(1, 1, 3, Duration.ZERO);
    private static final Effort QUICK_ON_DEVICE = new Effort(1, 3, 3, Duration.ZERO);

    private final Jvm jvm;
    private final Target target;
    private final List<FactorSizes> models;
    private final Map<KfacRefresh.Method, Effort> efforts;
    private final List<RunResult> results = new ArrayList<>();

    Refreshes(Jvm jvm, Target target, Plan plan) {
        this.jvm = jvm;
        this.target = target;
        models = plan.models();
        efforts = efforts(target.device(), plan.quick());
    }

    /** Newton's method takes minutes on a processor, so once is enough there. */
    private static Map<KfacRefresh.Method, Effort> efforts(DeviceKind device, boolean quick) {
        var efforts = new EnumMap<KfacRefresh.Method, Effort>(KfacRefresh.Method.class);
        switch (device) {
            case CPU -> {
                efforts.put(KfacRefresh.Method.CHOLESKY, THOROUGH);
                efforts.put(KfacRefresh.Method.NEWTON, ONCE);
            }
            case GPU -> {
                efforts.put(KfacRefresh.Method.CHOLESKY, quick ? QUICK_ON_DEVICE : ON_DEVICE);
                if (!quick) {
                    efforts.put(KfacRefresh.Method.NEWTON, NEWTON_ON_DEVICE);
                }
            }
            case VIRTUAL_GPU -> efforts.put(KfacRefresh.Method.CHOLESKY, ONCE);
        }
        return efforts;
    }

    int units() {
        return models.size() * (efforts.values().stream().mapToInt(Effort::units).sum() + 1);
    }

    List<RefreshTimes> measure(ProgressDisplay progress, List<String> leftOut) {
        var times = new ArrayList<RefreshTimes>();
        if (target.device() == DeviceKind.VIRTUAL_GPU && !models.isEmpty()) {
            leftOut.add("kfac: PyTorch: there is no GPU, only the virtual one");
        }
        for (var model : models) {
            if (target.device() != DeviceKind.VIRTUAL_GPU) {
                progress.begin("inverses of %s's factors, PyTorch".formatted(model));
                try {
                    int iterations = efforts.get(KfacRefresh.Method.CHOLESKY).iterations();
                    times.add(TorchRefreshes.measure(model, target, iterations));
                } catch (BenchException e) {
                    leftOut.add("kfac: PyTorch on %s: %s".formatted(model, e.getMessage()));
                }
            }
            progress.advance();
            efforts.forEach(
                    (method, effort) -> {
                        progress.begin("inverses of %s's factors, %s".formatted(model, method));
                        times.add(measure(model, method, effort, progress));
                    });
        }
        return times;
    }

    private RefreshTimes measure(
            FactorSizes model, KfacRefresh.Method method, Effort effort, ProgressDisplay progress) {
        var options =
                new OptionsBuilder()
                        .include("^" + KfacRefresh.class.getName().replace(".", "\\.") + "\\.")
                        .param("model", model.name())
                        .param("method", method.name())
                        .param("backend", target.name())
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
                    target.name(),
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
