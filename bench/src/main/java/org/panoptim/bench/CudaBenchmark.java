package org.panoptim.bench;

import com.google.gson.GsonBuilder;

import org.panoptim.Optimizer;
import org.panoptim.cli.output.ProcessStream;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.StreamTimer;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.io.OutputFile;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times steps on a GPU and a copy within its memory, in turn, and writes medians with their spread
 * as JSON. A step's bandwidth counts the bytes per parameter that its kernel's header names.
 *
 * <p>Each step and each copy lies between two events of the stream ({@link StreamTimer}), and they
 * are queued one behind the other without waiting. A step that zeroes its gradients has separate
 * gradients, which a copy within the device's memory fills before each step, outside of its events:
 * no step is timed on zeros, however short it is. That copy leaves the last of the gradients in the
 * device's cache, as a backward pass does; of a small workload, all of them, where they are without
 * it, too. The entry "nothing" is what two events take with nothing between them, a part of every
 * other time.
 *
 * <p>On the virtual GPU (kernels on the CPU) workloads are a thousandth of their size: that tries
 * the program, and its times mean nothing.
 */
public final class CudaBenchmark {

    private static final int ROUNDS = 15;
    private static final int ROUNDS_ON_VIRTUAL = 3;
    private static final int WARM_UP = 3;
    private static final double SHORTEST_SECONDS = 0.02;
    private static final double SHORTEST_SECONDS_ON_VIRTUAL = 0.001;
    private static final int MOST_REPETITIONS = 2000;
    private static final long COPY_BYTES = 1L << 30;

    /** Parameter, two sets of gradients, and two states of either optimizer. */
    private static final double BYTES_PER_PARAMETER = 7.0 * Float.BYTES;

    /** Of the device's memory, what these may take. */
    private static final double MEMORY_SHARE = 0.8;

    private final CudaBackend backend;
    private final CudaDriver driver;
    private final int rounds;
    private final double shortestSeconds;
    private final List<Map<String, Object>> figures = new ArrayList<>();

    CudaBenchmark(CudaBackend backend) {
        this.backend = backend;
        driver = backend.device().driver();
        boolean virtual = backend.device().virtual();
        rounds = virtual ? ROUNDS_ON_VIRTUAL : ROUNDS;
        shortestSeconds = virtual ? SHORTEST_SECONDS_ON_VIRTUAL : SHORTEST_SECONDS;
    }

    /**
     * Something to repeat on the stream.
     *
     * @param bytes that it reads and writes
     * @param before queued before each time, and not timed
     */
    private record Body(String name, double bytes, Runnable before, Runnable body) {

        Body(String name, double bytes, Runnable body) {
            this(name, bytes, () -> {}, body);
        }
    }

    /**
     * Measures.
     *
     * @param arguments the file to write
     */
    public static void main(String[] arguments) throws IOException {
        var result = new LinkedHashMap<String, Object>();
        try (var ffm = CudaFfmProvider.open(CudaOptions.defaults())) {
            result.put("device", ffm.description());
            result.put("virtual", ffm.device().virtual());
            result.put("java", System.getProperty("java.version"));
            result.put("cuda-ffm", new CudaBenchmark(ffm).all());
        }
        try (var jcuda = CudaJcudaProvider.open(CudaOptions.defaults())) {
            result.put("cuda-jcuda", new CudaBenchmark(jcuda).all());
        }
        var json = new GsonBuilder().setPrettyPrinting().create().toJson(result);
        OutputFile.writeString(Path.of(arguments[0]), json + System.lineSeparator());
        ProcessStream.out().println(json);
    }

    List<Map<String, Object>> all() {
        for (var workload :
                List.of(Workload.FLAT, Workload.GPT2_SMALL, Workload.SMALL, Workload.LARGE)) {
            measure(Workload.named(workload), List.of(AdamW.defaults()));
        }
        measure(
                Workload.named(Workload.GPT2_SMALL),
                List.of(Adam.defaults(), Lion.defaults(), SophiaG.defaults()));
        return figures;
    }

    private List<Shape> shapes(Workload workload) {
        var shapes = workload.shapes();
        if (!backend.device().virtual()) {
            return shapes;
        }
        return shapes.stream()
                .limit(20)
                .map(shape -> Shape.of(Math.max(1, shape.elements() / 1000)))
                .toList();
    }

    private void measure(Workload workload, List<UpdateRule> rules) {
        var shapes = shapes(workload);
        long elements = shapes.stream().mapToLong(Shape::elements).sum();
        if (BYTES_PER_PARAMETER * elements > MEMORY_SHARE * backend.device().memory()) {
            figures.add(
                    Map.of("workload", workload.name(), "left_out", "too large for the device"));
            return;
        }
        try (var model = new DeviceModel(backend, List.of(shapes))) {
            rules.forEach(rule -> measure(workload, model, rule));
        }
    }

    private void measure(Workload workload, DeviceModel model, UpdateRule rule) {
        long copyBytes = backend.device().virtual() ? 1 << 16 : COPY_BYTES;
        try (var from = backend.allocate(copyBytes);
                var to = backend.allocate(copyBytes);
                var plain = builder(rule, model.groupsWithFirstGradients().getFirst()).build();
                var whole =
                        builder(rule, model.parameters())
                                .clipGlobalNorm(1)
                                .zeroGradients(true)
                                .build()) {
            long elements = model.elements();
            int stepBytes = Traffic.update(rule);
            var bodies =
                    List.of(
                            new Body(
                                    "copy",
                                    2.0 * copyBytes,
                                    () ->
                                            driver.copyOnDevice(
                                                    to.memory().address(),
                                                    from.memory().address(),
                                                    copyBytes,
                                                    backend.stream())),
                            new Body("step", 1.0 * stepBytes * elements, plain::step),
                            new Body(
                                    "clip + step + zero",
                                    1.0 * (stepBytes + Traffic.MEASURE + Traffic.ZERO) * elements,
                                    model::refillGradients,
                                    whole::step),
                            new Body("nothing", 0, () -> {}));
            var entry = new LinkedHashMap<String, Object>();
            entry.put("workload", workload.name());
            entry.put("tensors", model.parameters().size());
            entry.put("parameters", elements);
            entry.put("rule", rule.name());
            backend.device().enter();
            try (var timer = new StreamTimer(driver)) {
                entry.putAll(times(bodies, timer));
            }
            entry.put("step_on_host", spread(hostTimes(plain), 1e6, "us"));
            figures.add(entry);
        }
    }

    private Optimizer.Builder<?> builder(UpdateRule rule, List<Parameter> parameters) {
        return Optimizer.builder(rule).group("all", parameters).backend(backend);
    }

    /** Times bodies in turn, the order turning round from round to round. */
    private Map<String, Object> times(List<Body> bodies, StreamTimer timer) {
        var repetitions = new int[bodies.size()];
        for (int i = 0; i < repetitions.length; i++) {
            seconds(bodies.get(i), WARM_UP, timer);
            double once = seconds(bodies.get(i), WARM_UP, timer);
            repetitions[i] =
                    (int) Math.clamp(Math.ceil(shortestSeconds / once), 1, MOST_REPETITIONS);
        }
        var times = new double[bodies.size()][rounds];
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < repetitions.length; i++) {
                int turn = (i + round) % repetitions.length;
                times[turn][round] = seconds(bodies.get(turn), repetitions[turn], timer);
            }
        }
        double copy = bodies.getFirst().bytes() / median(times[0]);
        var result = new LinkedHashMap<String, Object>();
        for (int i = 0; i < repetitions.length; i++) {
            var figure = spread(times[i], 1e3, "ms");
            if (bodies.get(i).bytes() > 0) {
                double bandwidth = bodies.get(i).bytes() / median(times[i]);
                figure.put("gigabytes_per_second", bandwidth / 1e9);
                figure.put("of_copy", bandwidth / copy);
            }
            result.put(bodies.get(i).name(), figure);
        }
        return result;
    }

    /** The mean seconds of a body. */
    private double seconds(Body body, int repetitions, StreamTimer timer) {
        driver.synchronizeStream(backend.stream());
        for (int i = 0; i < repetitions; i++) {
            body.before().run();
            timer.time(body.name(), backend.stream(), body.body());
        }
        return timer.finish().stream()
                .mapToDouble(StreamTimer.Interval::seconds)
                .average()
                .orElseThrow();
    }

    /** How long a call of step takes, in seconds, while the device's queue is not full. */
    private double[] hostTimes(Optimizer optimizer) {
        int calls = 20;
        var times = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            driver.synchronizeStream(backend.stream());
            long start = System.nanoTime();
            for (int i = 0; i < calls; i++) {
                optimizer.step();
            }
            times[round] = (System.nanoTime() - start) / 1e9 / calls;
        }
        return times;
    }

    private static Map<String, Object> spread(double[] seconds, double factor, String unit) {
        var sorted = Arrays.stream(seconds).sorted().toArray();
        var result = new LinkedHashMap<String, Object>();
        result.put("median_" + unit, median(seconds) * factor);
        result.put("smallest_" + unit, sorted[0] * factor);
        result.put("largest_" + unit, sorted[sorted.length - 1] * factor);
        return result;
    }

    private static double median(double[] values) {
        var sorted = Arrays.stream(values).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
