package org.panoptim.bench;

import org.panoptim.Optimizer;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.bench.result.Spread;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.driver.TimingBlas;
import org.panoptim.cuda.driver.TimingDriver;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.UpdateRule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;

/**
 * Times every kernel by itself, under the name that it is launched by: those of an optimizer's
 * step, and those of K-FAC with the products between them.
 *
 * <p>All work is queued behind a copy within the device's memory. That gives the host a start, so
 * that no interval holds waiting for it (but where the work itself waits for the device, as a
 * refresh does), leaves none of the gradients in the device's cache, and is what kernels are
 * compared with. {@link KernelTimes#NOTHING} is what an interval holds of its events.
 */
public final class KernelBenchmark implements AutoCloseable {

    /** Zeros into all gradients, without a step. */
    static final String ZERO_GRAD = "zeroGrad";

    private static final String MEASURE_KERNEL = "panoptim_measure";
    private static final String ZERO_KERNEL = "panoptim_zero";
    private static final String UPDATE_KERNELS = "panoptim_update_";

    /** These go over the gradients of all layers once, as their headers say. */
    private static final List<String> OVER_GRADIENTS =
            List.of("panoptim_kfac_pack", "panoptim_kfac_clip_step", "panoptim_kfac_unpack");

    private static final int BYTES_OVER_GRADIENTS = 2 * Float.BYTES;

    private static final long LARGEST_COPY = 1L << 30;
    private static final long LARGEST_COPY_ON_VIRTUAL = 1L << 16;

    /** Of the device's memory, what either side of the copy may take. */
    private static final long MEMORY_SHARE = 16;

    private final String name;
    private final TimingDriver driver;
    private final CudaBackend backend;
    private final DeviceCopy copy;
    private final long copyBytes;

    /** Work whose kernels are timed, and what comes before it. */
    private record Timed(String work, Runnable before, Runnable body) {}

    /** A kernel in some work; "" for what comes before any. */
    private record Launched(String work, String kernel) {}

    private static final Launched COPIES = new Launched("", KernelTimes.COPY);

    /**
     * Opens a backend.
     *
     * @param backend by name, on a CUDA device
     */
    public KernelBenchmark(String backend) {
        this(backend, new TimingDriver(CudaImplementation.of(backend).driver()));
    }

    KernelBenchmark(String name, TimingDriver driver) {
        this.name = name;
        this.driver = driver;
        var implementation = CudaImplementation.of(name);
        backend = implementation.open(driver, () -> new TimingBlas(implementation.blas(), driver));
        try {
            copyBytes = copyBytes(backend);
            copy = new DeviceCopy(backend, copyBytes / DeviceCopy.BYTES_PER_PARAMETER, copyBytes);
        } catch (RuntimeException | Error e) {
            backend.close();
            throw e;
        }
    }

    private static long copyBytes(CudaBackend backend) {
        var device = backend.device();
        long most =
                Math.min(
                        device.virtual() ? LARGEST_COPY_ON_VIRTUAL : LARGEST_COPY,
                        device.memory() / MEMORY_SHARE);
        return most - most % DeviceCopy.BYTES_PER_PARAMETER;
    }

    /** Why K-FAC's kernels cannot be measured; empty if they can. */
    public Optional<String> refusalOfFactors() {
        return KfacModel.refusal(backend);
    }

    /**
     * The kernels of steps of a rule.
     *
     * @param rounds that count, after one that does not
     */
    public List<KernelTimes> ofSteps(Workload workload, UpdateRule rule, int rounds) {
        try (var model = new DeviceModel(backend, workload.groups());
                var plain = builder(rule, model.groupsWithFirstGradients()).build();
                var whole =
                        builder(rule, model.groups())
                                .clipGlobalNorm(1)
                                .zeroGradients(true)
                                .build()) {
            var works =
                    List.of(
                            new Timed(Scenario.STEP.title(), () -> {}, plain::step),
                            new Timed(
                                    Scenario.CLIP_STEP_ZERO.title(),
                                    model::refillGradients,
                                    whole::step),
                            new Timed(ZERO_GRAD, model::refillGradients, whole::zeroGrad));
            return results(
                    workload.name(),
                    rule.name(),
                    rounds,
                    times(works, rounds),
                    launched -> bytes(launched, rule) * model.elements());
        }
    }

    private Optimizer.Builder<?> builder(UpdateRule rule, List<List<Parameter>> groups) {
        var builder = Optimizer.builder(rule).backend(backend);
        for (int i = 0; i < groups.size(); i++) {
            builder.group("group" + i, groups.get(i));
        }
        return builder;
    }

    /** Bytes for each parameter in all launches of a kernel; 0 if they are not known. */
    private static int bytes(Launched launched, UpdateRule rule) {
        if (launched.kernel.startsWith(UPDATE_KERNELS)) {
            boolean zeroes = launched.work.equals(Scenario.CLIP_STEP_ZERO.title());
            return Traffic.update(rule) + (zeroes ? Traffic.ZERO : 0);
        }
        return switch (launched.kernel) {
            case MEASURE_KERNEL -> Traffic.MEASURE;
            case ZERO_KERNEL -> Traffic.ZERO;
            default -> 0;
        };
    }

    /**
     * The kernels of K-FAC's work on a model.
     *
     * @param rounds that count, after one that does not
     */
    public List<KernelTimes> ofFactors(FactorSizes sizes, int rounds) {
        try (var model = new KfacModel(sizes, backend, KfacBenchmark.microBatch(backend))) {
            model.update(0);
            model.refresh();
            var works =
                    List.of(
                            new Timed(KfacBenchmark.ACCUMULATE, () -> {}, model::accumulate),
                            new Timed("commit", () -> {}, model::commit),
                            new Timed("refresh", () -> {}, model::refresh),
                            new Timed(
                                    KfacBenchmark.PRECONDITION,
                                    model::refillGradients,
                                    model::precondition));
            long elements = sizes.layers().stream().mapToLong(FactorSizes.Layer::elements).sum();
            return results(
                    sizes.name(),
                    KernelTimes.KFAC,
                    rounds,
                    times(works, rounds),
                    launched ->
                            OVER_GRADIENTS.contains(launched.kernel)
                                    ? BYTES_OVER_GRADIENTS * elements
                                    : 0);
        }
    }

    /** Seconds of every launch by work and kernel, in the order of the first time. */
    private Map<Launched, List<Double>> times(List<Timed> works, int rounds) {
        var times = new LinkedHashMap<Launched, List<Double>>();
        for (int round = -1; round < rounds; round++) {
            for (var each : works) {
                backend.device().enter();
                each.before.run();
                var intervals =
                        driver.timesOf(
                                () -> {
                                    copy.queue();
                                    driver.time(KernelTimes.NOTHING, backend.stream(), () -> {});
                                    each.body.run();
                                });
                for (int i = 0; i < intervals.size() && round >= 0; i++) {
                    // The first is the copy that all is queued behind.
                    var kernel = i == 0 ? KernelTimes.COPY : intervals.get(i).name();
                    boolean common = i == 0 || kernel.equals(KernelTimes.NOTHING);
                    times.computeIfAbsent(
                                    new Launched(common ? "" : each.work, kernel),
                                    _ -> new ArrayList<>())
                            .add(intervals.get(i).seconds());
                }
            }
        }
        return times;
    }

    private List<KernelTimes> results(
            String workload,
            String rule,
            int rounds,
            Map<Launched, List<Double>> times,
            ToLongFunction<Launched> bytes) {
        double copied = 2 * copyBytes / Spread.of(array(times.get(COPIES))).median();
        var results = new ArrayList<KernelTimes>();
        times.forEach(
                (launched, seconds) -> {
                    boolean common = launched.work.isEmpty();
                    int launches = common ? 1 : Math.ceilDiv(seconds.size(), rounds);
                    long moved =
                            launched.equals(COPIES)
                                    ? 2 * copyBytes
                                    : bytes.applyAsLong(launched) / launches;
                    results.add(
                            new KernelTimes(
                                    workload,
                                    rule,
                                    launched.work,
                                    name,
                                    launched.kernel,
                                    launches,
                                    moved,
                                    copied,
                                    Arrays.stream(array(seconds))
                                            .map(each -> 1e9 * each)
                                            .toArray()));
                });
        return results;
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    @Override
    public void close() {
        copy.close();
        backend.device().enter();
        driver.close();
        backend.close();
    }
}
