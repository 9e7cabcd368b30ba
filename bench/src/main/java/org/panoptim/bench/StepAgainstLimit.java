package org.panoptim.bench;

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
import org.panoptim.Optimizer;
import org.panoptim.rule.AdamW;

import java.util.concurrent.TimeUnit;

/**
 * A step of AdamW against the plain C loop over the same parameters and gradients: {@code first} is
 * the loop, {@code second} the step.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 3)
public class StepAgainstLimit {

    /** The model. */
    @Param({"FLAT", "GPT2_SMALL"})
    public Workload workload = Workload.FLAT;

    private Model model;
    private Backend backend;
    private Optimizer optimizer;
    private LimitLoop limit;
    private Pair pair;

    /** Made by JMH. */
    public StepAgainstLimit() {}

    /** Opens the optimizer and the loop. */
    @Setup
    public void open() {
        model = new Model(workload);
        backend = Backend.named("simd");
        optimizer =
                Optimizer.builder(AdamW.defaults())
                        .group("all", model.parameters())
                        .backend(backend)
                        .build();
        limit = new LimitLoop(model, Runtime.getRuntime().availableProcessors());
        pair = new Pair(limit::run, optimizer::step);
    }

    /** Closes all. */
    @TearDown
    public void close() {
        limit.close();
        optimizer.close();
        backend.close();
        model.close();
    }

    /** Both, in turn. */
    @Benchmark
    public void limitAndStep(PairTimes times) {
        pair.run(times);
    }
}
