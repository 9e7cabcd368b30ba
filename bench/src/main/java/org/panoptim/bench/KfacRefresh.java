package org.panoptim.bench;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.panoptim.Backend;
import org.panoptim.HostMemory;
import org.panoptim.Parameter;
import org.panoptim.Shape;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.kronecker.Averages;
import org.panoptim.spi.kronecker.Contribution;
import org.panoptim.spi.kronecker.Inversion;
import org.panoptim.spi.kronecker.Inverted;
import org.panoptim.spi.kronecker.KroneckerEngine;
import org.panoptim.spi.kronecker.KroneckerLayer;
import org.panoptim.spi.kronecker.KroneckerPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * The inverses of all Kronecker factors of a model, each with its certificate: from scratch, or by
 * Newton's method from the inverses of ten updates ago. The peer is {@code
 * bench/peers/torch_linalg.py}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 1)
@Measurement(iterations = 3)
public class KfacRefresh {

    private static final double DECAY = .95;
    private static final int UPDATES = 10;

    /** Of factors whose mean eigenvalue is about 1. */
    private static final double DAMPING = .1;

    private static final int ROWS = 256;
    private static final double TOLERANCE = 1e-3;
    private static final StepContext ACCEPTED = new StepContext(true, 1, 1, 1);

    /** How inverses are computed. */
    public enum Method {
        /** From the Cholesky factorisation. */
        CHOLESKY,
        /**
         * From the inverses in use, to a certified error of 1e-3; where the certificate says more,
         * from the Cholesky factorisation after all, as {@code Kfac} does.
         */
        NEWTON
    }

    /** The model. */
    @Param({"RESNET50", "GPT2_SMALL"})
    public FactorSizes model = FactorSizes.TINY;

    /** The method. */
    @Param({"CHOLESKY", "NEWTON"})
    public Method method = Method.CHOLESKY;

    private Arena arena;
    private Backend backend;
    private KroneckerEngine engine;
    private KroneckerPlan plan;
    private List<Inversion> wishes;

    /** Made by JMH. */
    public KfacRefresh() {}

    /** Accumulates factors and, for Newton's method, inverts them and goes on for ten updates. */
    @Setup
    public void open() {
        arena = Arena.ofShared();
        backend = Backend.named("simd");
        var layers = new ArrayList<KroneckerLayer>();
        for (var layer : model.layers()) {
            var name = "layer" + layers.size();
            var weight = parameter(name + ".weight", layer.outputs(), layer.inputs());
            var bias =
                    layer.bias()
                            ? Optional.of(parameter(name + ".bias", layer.outputs()))
                            : Optional.<Parameter>empty();
            layers.add(new KroneckerLayer(name, weight, bias));
        }
        plan = new KroneckerPlan(layers, DECAY);
        engine = backend.open(plan);
        update(0);
        wishes = wishes(new Inversion.Cholesky(false));
        if (method == Method.NEWTON) {
            engine.invert(wishes);
            engine.adopt(wishes.stream().map(Inversion::factor).toList());
            double kept = 1;
            for (int update = 1; update <= UPDATES; update++) {
                update(update);
                kept *= 1 - Averages.share(DECAY, update + 1);
            }
            wishes = wishes(new Inversion.Newton(.99 * kept, TOLERANCE, 12));
        }
    }

    private Parameter parameter(String name, long... shape) {
        long bytes = Shape.of(shape).elements() * Float.BYTES;
        return Parameter.of(name, Shape.of(shape), arena.allocate(bytes, 64));
    }

    private List<Inversion> wishes(Inversion.Method how) {
        var all = new ArrayList<Inversion>();
        for (int factor = 0; factor < plan.factors(); factor++) {
            all.add(inversion(factor, how));
        }
        return all;
    }

    private static Inversion inversion(int factor, Inversion.Method how) {
        return new Inversion(factor, DAMPING, how);
    }

    /** Rows of correlated elements, as activations are. */
    private void update(int number) {
        var random = new Random(number);
        for (int i = 0; i < plan.layers().size(); i++) {
            var layer = plan.layers().get(i);
            try (var scratch = Arena.ofConfined()) {
                engine.accumulate(
                        i,
                        new Contribution(
                                new HostMemory(rows(layer.inputs(), random, scratch)),
                                new HostMemory(rows(layer.outputs(), random, scratch)),
                                Optional.empty(),
                                ROWS,
                                OptionalDouble.of(1),
                                OptionalDouble.of(1)));
            }
        }
        engine.commit(ACCEPTED);
    }

    private static MemorySegment rows(int columns, Random random, Arena arena) {
        var rows = arena.allocate(JAVA_FLOAT, (long) ROWS * columns);
        for (int row = 0; row < ROWS; row++) {
            float drift = 0;
            for (int column = 0; column < columns; column++) {
                drift = .8f * drift + .6f * (float) random.nextGaussian();
                rows.setAtIndex(JAVA_FLOAT, (long) row * columns + column, drift);
            }
        }
        return rows;
    }

    KroneckerEngine engine() {
        return engine;
    }

    /** Closes all. */
    @TearDown
    public void close() {
        engine.close();
        backend.close();
        arena.close();
    }

    /**
     * Inverts all factors.
     *
     * @return what came of each
     * @throws IllegalStateException if one has no inverse that is good enough: then this measures
     *     nothing
     */
    @Benchmark
    public List<Inverted> refresh() {
        var results = new ArrayList<>(engine.invert(wishes));
        var again = new ArrayList<Integer>();
        for (int i = 0; i < results.size(); i++) {
            if (isTooFar(results.get(i))) {
                again.add(i);
            }
        }
        if (method == Method.NEWTON && !again.isEmpty()) {
            var second =
                    engine.invert(
                            again.stream()
                                    .map(i -> inversion(i, new Inversion.Cholesky(false)))
                                    .toList());
            for (int i = 0; i < second.size(); i++) {
                results.set(again.get(i), second.get(i));
            }
        }
        for (int i = 0; i < results.size(); i++) {
            if (isTooFar(results.get(i))) {
                throw new IllegalStateException(
                        "factor %d of %d rows: %s"
                                .formatted(i, plan.size(wishes.get(i).factor()), results.get(i)));
            }
        }
        return results;
    }

    private static boolean isTooFar(Inverted result) {
        return !(result.certifiedError() <= TOLERANCE);
    }
}
