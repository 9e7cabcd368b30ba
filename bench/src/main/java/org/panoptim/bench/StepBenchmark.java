package org.panoptim.bench;

import org.openjdk.jmh.annotations.AuxCounters;
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
 * A step of AdamW, interleaved with the baseline that it is compared with. At the end the result of
 * the steps is checked.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class StepBenchmark {

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
    public Scenario scenario = Scenario.STEP;

    /** The name of the baseline, see {@link Baseline}. */
    @Param(Baseline.LIMIT)
    public String baseline = Baseline.LIMIT;

    /** Where the step is computed. */
    @Param("simd")
    public String backend = "simd";

    private StepFixture fixture;
    private Baseline openBaseline;
    private ResultCheck resultCheck;
    private InterleavedTimer timer;
    private long filledAt;

    /** Made by JMH. */
    public StepBenchmark() {}

    /** Opens both, and lets them run until they are compiled. */
    @Setup
    public void start() {
        open();
        timer.warmUp();
    }

    void open() {
        fixture = new StepFixture(Workload.named(workload), scenario, backend);
        resultCheck = new ResultCheck(fixture, touchesParameters());
        openBaseline = Baseline.open(baseline, fixture);
        openBaseline.refill();
        timer = new InterleavedTimer(openBaseline::run, fixture::run, openBaseline::rest);
    }

    /** Whether the baseline changes the same parameters. */
    private boolean touchesParameters() {
        // A device's limit is a copy of other memory.
        return baseline.equals(Baseline.STEP)
                || baseline.equals(Baseline.LIMIT) && fixture.model() instanceof HostModel;
    }

    /** Fills gradients that were zeroed. */
    @Setup(Level.Iteration)
    public void refill() {
        if (scenario == Scenario.CLIP_STEP_ZERO) {
            fixture.model().refillGradients();
            openBaseline.refill();
            filledAt = fixture.steps();
        }
    }

    /**
     * Whether the next turn begins with new gradients: how many steps a turn has is for the clock.
     */
    boolean needsRefill() {
        return scenario == Scenario.CLIP_STEP_ZERO && fixture.steps() - filledAt >= REFILL_EVERY;
    }

    StepFixture fixture() {
        return fixture;
    }

    Baseline openBaseline() {
        return openBaseline;
    }

    /** Closes all. */
    @TearDown
    public void close() {
        try {
            resultCheck.check();
        } finally {
            openBaseline.close();
            fixture.close();
        }
    }

    /** Both sides, interleaved. */
    @Benchmark
    public void interleaved(Times times) {
        if (needsRefill()) {
            refill();
        }
        timer.run(times);
    }

    /** The times of one iteration; JMH reports all fields. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    public static class Times {

        /** Nanoseconds of the baseline, summed over turns. */
        public double baseline;

        /** Nanoseconds of the step, summed over turns. */
        public double step;

        /** How many turns both sides had. */
        public long turns;

        /** How many steps were taken, untimed ones too. */
        public long steps;

        /** Made by JMH. */
        public Times() {}
    }
}
