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
 * A step of AdamW over tensors of 64 elements: 2000 of them, where all cost is per tensor, and one,
 * where all cost is the call's. The latter, with {@code -prof gc}, shows what a step allocates; in
 * longer steps JMH's own allocations between iterations show instead.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 3)
public class SmallTensors {

    /** The model. */
    @Param({"SMALL", "TINY"})
    public Workload workload = Workload.SMALL;

    private Model model;
    private Backend backend;
    private Optimizer optimizer;

    /** Made by JMH. */
    public SmallTensors() {}

    /** Opens the optimizer. */
    @Setup
    public void open() {
        model = new Model(workload);
        backend = Backend.named("simd");
        optimizer =
                Optimizer.builder(AdamW.defaults())
                        .group("all", model.parameters())
                        .backend(backend)
                        .build();
    }

    Model model() {
        return model;
    }

    /** Closes all. */
    @TearDown
    public void close() {
        optimizer.close();
        backend.close();
        model.close();
    }

    /** One step. */
    @Benchmark
    public void step() {
        optimizer.step();
    }
}
