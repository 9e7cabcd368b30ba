package org.panoptim.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * What a training loop needs around a step, in one call: {@code first} bounds the gradients' global
 * norm, steps and zeroes the gradients; {@code second} steps alone.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 3)
public class ClipStepZero {

    /** The model. */
    @Param("FLAT")
    public Workload workload = Workload.FLAT;

    private Model model;
    private Backend backend;
    private Optimizer plain;
    private Optimizer whole;
    private Pair pair;

    /** Made by JMH. */
    public ClipStepZero() {}

    /** Opens both optimizers over the same parameters. */
    @Setup
    public void open() {
        model = new Model(workload);
        backend = Backend.named("simd");
        plain =
                Optimizer.builder(AdamW.defaults())
                        .group("all", model.parameters())
                        .backend(backend)
                        .build();
        whole =
                Optimizer.builder(AdamW.defaults())
                        .group("all", model.parameters())
                        .clipGlobalNorm(1)
                        .zeroGradients(true)
                        .backend(backend)
                        .build();
        pair = new Pair(whole::step, plain::step);
    }

    /** Zeroed gradients would let the moments decay into denormals. */
    @Setup(Level.Iteration)
    public void refill() {
        model.refillGradients();
    }

    Model model() {
        return model;
    }

    /** Closes all. */
    @TearDown
    public void close() {
        plain.close();
        whole.close();
        backend.close();
        model.close();
    }

    /** Both, in turn. */
    @Benchmark
    public void wholeAndStep(PairTimes times) {
        pair.run(times);
    }
}
