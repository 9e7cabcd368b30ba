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

import java.util.concurrent.TimeUnit;

/**
 * A step of AdamW, and in turn with it what it is measured beside: {@code first} is the opponent,
 * {@code second} the step. At its end it is checked that the steps were taken.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class StepBeside {

    /**
     * After so many steps zeroed gradients are filled again on a host; with zeros alone the first
     * moments would decay into denormal numbers. On a device every step finds gradients.
     */
    private static final int REFILL_EVERY = 256;

    /** The tensors, see {@link Workload#named}. */
    @Param(Workload.FLAT)
    public String workload = Workload.FLAT;

    /** What is done. */
    @Param("STEP")
    public Work work = Work.STEP;

    /** What it is measured beside. */
    @Param(Opponents.LIMIT)
    public String opponent = Opponents.LIMIT;

    /** Where the step is computed. */
    @Param("simd")
    public String backend = "simd";

    private Subject subject;
    private Opponent beside;
    private Witness witness;
    private Pair pair;
    private long filledAt;

    /** Made by JMH. */
    public StepBeside() {}

    /** Opens both, and lets them run until they are compiled. */
    @Setup
    public void start() {
        open();
        pair.warmUp();
    }

    void open() {
        subject = new Subject(Workload.named(workload), work, backend);
        witness = new Witness(subject, touchesParameters());
        beside = Opponents.open(opponent, subject);
        beside.refill();
        pair = new Pair(beside::run, subject::run, beside::rest);
    }

    /** Whether the opponent works on the same parameters. */
    private boolean touchesParameters() {
        // A device's limit is a copy of other memory.
        return opponent.equals(Opponents.STEP)
                || opponent.equals(Opponents.LIMIT) && subject.model() instanceof HostModel;
    }

    /** Fills gradients that were zeroed. */
    @Setup(Level.Iteration)
    public void refill() {
        if (work == Work.CLIP_STEP_ZERO) {
            subject.model().refillGradients();
            beside.refill();
            filledAt = subject.steps();
        }
    }

    Subject subject() {
        return subject;
    }

    Opponent beside() {
        return beside;
    }

    /** Closes all. */
    @TearDown
    public void close() {
        try {
            witness.check();
        } finally {
            beside.close();
            subject.close();
        }
    }

    /** Both, in turn. */
    @Benchmark
    public void inTurn(PairTimes times) {
        if (subject.steps() - filledAt >= REFILL_EVERY) {
            refill();
        }
        pair.run(times);
    }
}
