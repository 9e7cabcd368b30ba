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
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Muon;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Cleanup;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

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

    private static final String STEP = "step";
    private static final int ROUNDS = 15;
    private static final int ROUNDS_ON_VIRTUAL = 3;
    private static final int WARM_UP = 3;
    private static final double SHORTEST_SECONDS = 0.02;
    private static final double SHORTEST_SECONDS_ON_VIRTUAL = 0.001;
    private static final int MOST_REPETITIONS = 2000;
    private static final long COPY_BYTES = 1L << 30;

    /** Small, and many: what a step does between its launches shows. */
    private static final Workload MATRICES =
            new Workload(
                    "matrices-126",
                    "126 matrices of 128 by 128",
                    List.of(Collections.nCopies(126, Shape.of(128, 128))));

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
                List.of(
                        Workload.FLAT,
                        Workload.GPT2_SMALL,
                        Workload.SMALL,
                        Workload.SMALL_10000,
                        Workload.LARGE)) {
            measure(Workload.named(workload), List.of(AdamW.defaults()));
        }
        for (var workload : List.of(Workload.FLAT, Workload.GPT2_SMALL)) {
            measureTypes(Workload.named(workload));
        }
        measure(
                Workload.named(Workload.GPT2_SMALL),
                List.of(Adam.defaults(), Lion.defaults(), SophiaG.defaults()));
        measure(MATRICES, List.of(Muon.defaults()));
        return figures;
    }

    private List<Shape> shapes(Workload workload) {
        var shapes = workload.shapes();
        if (!backend.device().virtual()) {
            return shapes;
        }
        return shapes.stream().limit(20).map(CudaBenchmark::shrunk).toList();
    }

    /** About a thousandth of it, of as many dimensions. */
    private static Shape shrunk(Shape shape) {
        int rank = shape.rank();
        double divisor = Math.pow(1000, 1.0 / Math.max(1, rank));
        return Shape.of(
                shape.dimensions().stream()
                        .mapToLong(each -> (long) Math.max(1, each / divisor))
                        .toArray());
    }

    private void measure(Workload workload, List<UpdateRule> rules) {
        var shapes = shapes(workload);
        if (!fits(workload, shapes, BYTES_PER_PARAMETER)) {
            return;
        }
        try (var model = new DeviceModel(backend, List.of(shapes))) {
            rules.forEach(rule -> measure(workload, model, rule));
        }
    }

    private boolean fits(Workload workload, List<Shape> shapes, double bytesPerParameter) {
        long elements = shapes.stream().mapToLong(Shape::elements).sum();
        boolean fits = bytesPerParameter * elements <= MEMORY_SHARE * backend.device().memory();
        if (!fits) {
            figures.add(
                    Map.of("workload", workload.name(), "left_out", "too large for the device"));
        }
        return fits;
    }

    /** AdamW over floats, bfloat16, and with outputs, in turn. */
    private void measureTypes(Workload workload) {
        var shapes = shapes(workload);
        var scenarios =
                Stream.concat(Stream.of(Scenario.STEP), Scenario.OF_TYPES.stream()).toList();
        if (!fits(workload, shapes, scenarios.size() * BYTES_PER_PARAMETER)) {
            return;
        }
        try (var copy = new Copy(backend)) {
            var open = new Cleanup();
            try {
                var bodies = new ArrayList<Body>(List.of(copy.body()));
                var rule = AdamW.defaults();
                for (var scenario : scenarios) {
                    var model = open.keep(new DeviceModel(backend, List.of(shapes), scenario));
                    var optimizer =
                            open.keep(StepFixture.optimizer(scenario, model.groups(), backend));
                    long bytes = (long) Traffic.update(rule) + scenario.moreBytes();
                    var name = scenario == Scenario.STEP ? STEP : scenario.title();
                    bodies.add(new Body(name, 1.0 * bytes * model.elements(), optimizer::step));
                }
                var entry = entry(workload, shapes, rule);
                entry.putAll(timed(bodies));
                figures.add(entry);
            } finally {
                open.run();
            }
        }
    }

    private static Map<String, Object> entry(
            Workload workload, List<Shape> shapes, UpdateRule rule) {
        var entry = new LinkedHashMap<String, Object>();
        entry.put("workload", workload.name());
        entry.put("tensors", shapes.size());
        entry.put("parameters", shapes.stream().mapToLong(Shape::elements).sum());
        entry.put("rule", rule.name());
        return entry;
    }

    /** A copy within the device's memory, which is the limit. */
    private static final class Copy implements AutoCloseable {
        private final CudaBackend backend;
        private final Buffer from;
        private final Buffer to;

        Copy(CudaBackend backend) {
            this.backend = backend;
            long bytes = backend.device().virtual() ? 1 << 16 : COPY_BYTES;
            from = backend.allocate(bytes);
            to = backend.allocate(bytes);
        }

        Body body() {
            long bytes = from.memory().byteSize();
            return new Body(
                    "copy",
                    2.0 * bytes,
                    () ->
                            backend.device()
                                    .driver()
                                    .copyOnDevice(
                                            to.memory().address(),
                                            from.memory().address(),
                                            bytes,
                                            backend.stream()));
        }

        @Override
        public void close() {
            to.close();
            from.close();
        }
    }

    private Map<String, Object> timed(List<Body> bodies) {
        backend.device().enter();
        try (var timer = new StreamTimer(driver)) {
            return times(bodies, timer);
        }
    }

    private void measure(Workload workload, DeviceModel model, UpdateRule rule) {
        try (var copy = new Copy(backend);
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
                            copy.body(),
                            new Body(STEP, 1.0 * stepBytes * elements, plain::step),
                            new Body(
                                    "clip + step + zero",
                                    1.0 * (stepBytes + Traffic.MEASURE + Traffic.ZERO) * elements,
                                    model::refillGradients,
                                    whole::step),
                            new Body("nothing", 0, () -> {}));
            var entry = entry(workload, shapes(workload), rule);
            entry.putAll(timed(bodies));
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
        var step = times[bodies.stream().map(Body::name).toList().indexOf(STEP)];
        var result = new LinkedHashMap<String, Object>();
        for (int i = 0; i < repetitions.length; i++) {
            var figure = spread(times[i], 1e3, "ms");
            if (bodies.get(i).bytes() > 0) {
                double bandwidth = bodies.get(i).bytes() / median(times[i]);
                figure.put("gigabytes_per_second", bandwidth / 1e9);
                figure.put("of_copy", bandwidth / copy);
                figure.put("step_over_this", medianRatio(step, times[i]));
            }
            result.put(bodies.get(i).name(), figure);
        }
        return result;
    }

    /** The median of a round's time over another one's. */
    private static double medianRatio(double[] over, double[] under) {
        var ratios = new double[over.length];
        Arrays.setAll(ratios, round -> over[round] / under[round]);
        return median(ratios);
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
