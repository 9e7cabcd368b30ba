package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.driver.ForwardingDriver;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.cuda.driver.TimingBlas;
import org.panoptim.cuda.driver.TimingDriver;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Which figures are whose; over the virtual GPU, with a clock that tells kernels apart. */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class KernelBenchmarkTest {

    private static final int ROUNDS = 3;
    private static final String CLIP_STEP_ZERO = "clip + step + zero";

    /** 5003 elements in two groups. */
    private static final Workload TWO_GROUPS =
            new Workload(
                    "few",
                    "mixed",
                    List.of(List.of(Shape.of(3), Shape.of(4093)), List.of(Shape.of(907))));

    /**
     * On whose clock a launch takes a microsecond for each letter of the kernel's name, and a copy
     * a second.
     */
    private static final class Clock extends ForwardingDriver {

        private final Map<String, Integer> launches = new HashMap<>();
        private final Map<Long, Double> stamps = new HashMap<>();
        private double milliseconds;

        Clock(CudaDriver driver) {
            super(driver);
        }

        @Override
        public void recordEvent(long event, long stream) {
            stamps.put(event, milliseconds);
            super.recordEvent(event, stream);
        }

        @Override
        public float elapsedMilliseconds(long from, long to) {
            super.elapsedMilliseconds(from, to);
            return (float) (stamps.get(to) - stamps.get(from));
        }

        @Override
        public void copyOnDevice(long to, long from, long bytes, long stream) {
            milliseconds += 1000;
            super.copyOnDevice(to, from, bytes, stream);
        }

        @Override
        public void launch(
                long function,
                String kernel,
                int blocks,
                int threads,
                int sharedBytes,
                long stream,
                MemorySegment argument) {
            launches.merge(kernel, 1, Integer::sum);
            milliseconds += 1e-3 * kernel.length();
            super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
        }
    }

    private static List<KernelTimes> ofSteps(CudaDriver driver, UpdateRule rule) {
        try (var figures = new KernelBenchmark("cuda-ffm", new TimingDriver(driver))) {
            return figures.ofSteps(TWO_GROUPS, rule, ROUNDS);
        }
    }

    @Test
    void everyKernelOfAStepHasItsLaunchesItsTimeAndItsBytes() {
        var resources = new RecordingDriver(FfmCuda.load());
        var times = ofSteps(new Clock(resources), AdamW.defaults());

        assertThat(times)
                .extracting(KernelTimes::work, KernelTimes::kernel, KernelTimes::bytes)
                .contains(
                        tuple("", KernelTimes.NOTHING, 0L),
                        tuple("step", "panoptim_control_adamw", 0L),
                        tuple("step", "panoptim_update_adamw", 28 * 5003L),
                        tuple(CLIP_STEP_ZERO, "panoptim_measure", 4 * 5003L),
                        tuple(CLIP_STEP_ZERO, "panoptim_update_adamw", 32 * 5003L),
                        tuple("zeroGrad", "panoptim_zero", 4 * 5003L))
                .doesNotContain(tuple("step", "panoptim_measure", 4 * 5003L));
        assertThat(times)
                .allSatisfy(
                        each -> {
                            assertThat(each.workload()).isEqualTo("few");
                            assertThat(each.rule()).isEqualTo("adamw");
                            assertThat(each.launches()).isEqualTo(1);
                            // Before each of the three kinds of work.
                            assertThat(each.nanos())
                                    .hasSize(each.work().isEmpty() ? 3 * ROUNDS : ROUNDS);
                        });
        assertThat(times)
                .filteredOn(each -> each.kernel().startsWith("panoptim_"))
                .allSatisfy(
                        each -> {
                            double micros = each.kernel().length();
                            assertThat(each.seconds().median() * 1e6)
                                    .as(each.kernel())
                                    .isBetween(micros - .2, micros + .2);
                        });
        assertThat(resources.report()).isEmpty();
    }

    @Test
    void sharesAreThoseOfTheCopy() {
        var times = ofSteps(new Clock(FfmCuda.load()), Lion.defaults());

        var copy = only(times, "", KernelTimes.COPY);
        // Two times the bytes that it copies, in a second.
        assertThat(copy.bytes()).isEqualTo(2 * ((1 << 16) / 14 * 14));
        assertThat(copy.share().median()).isEqualTo(1);
        assertThat(copy.copy()).isEqualTo(copy.bytes());
        var update = only(times, CLIP_STEP_ZERO, "panoptim_update_lion");
        assertThat(update.bytes()).isEqualTo((20 + 4) * 5003);
        assertThat(update.share().median())
                .isCloseTo(
                        update.bytes() / (1e-6 * update.kernel().length()) / copy.copy(),
                        org.assertj.core.data.Percentage.withPercentage(1));
    }

    private static KernelTimes only(List<KernelTimes> times, String work, String kernel) {
        var matching =
                times.stream()
                        .filter(each -> each.work().equals(work) && each.kernel().equals(kernel))
                        .toList();
        assertThat(matching).as(work + ", " + kernel).hasSize(1);
        return matching.getFirst();
    }

    @Test
    void noKernelIsTimedOnZeros() {
        var watch = new GradientWatch(FfmCuda.load());
        ofSteps(watch, AdamW.defaults());
        assertThat(watch.updates()).isEqualTo(2 * (ROUNDS + 1));
        assertThat(watch.onZeros()).isZero();
    }

    @Test
    void everyKernelOfKfacHasItsLaunchesAndItsTime() {
        var clock = new Clock(FfmCuda.load());
        List<KernelTimes> times;
        try (var figures = new KernelBenchmark("cuda-ffm", new TimingDriver(clock))) {
            assertThat(figures.refusalOfFactors()).isEmpty();
            clock.launches.clear();
            times = figures.ofFactors(FactorSizes.TINY, ROUNDS);
        }

        assertThat(times)
                .extracting(KernelTimes::work, KernelTimes::kernel, KernelTimes::launches)
                .contains(
                        tuple("accumulate", "panoptim_kfac_accumulate", 2),
                        tuple("commit", "panoptim_kfac_commit", 1),
                        tuple("refresh", "panoptim_kfac_trace", 1),
                        tuple("refresh", "panoptim_kfac_invert_small", 1),
                        tuple("refresh", "panoptim_kfac_certify", 4),
                        tuple("refresh", "panoptim_kfac_adopt", 1),
                        tuple("precondition", "panoptim_kfac_pack", 1),
                        tuple("precondition", "panoptim_kfac_clip_step", 1),
                        tuple("precondition", "panoptim_kfac_unpack", 1),
                        // The layers have different shapes.
                        tuple("precondition", TimingBlas.PRODUCTS, 4));
        // All that was launched was timed, but for one update and one refresh to begin with, and a
        // round that does not count.
        assertThat(clock.launches.get("panoptim_kfac_accumulate")).isEqualTo(2 + 2 * (ROUNDS + 1));
        assertThat(clock.launches.get("panoptim_kfac_certify")).isEqualTo(4 + 4 * (ROUNDS + 1));
        // 30 outputs with 21 inputs and 7 with 30.
        assertThat(only(times, "precondition", "panoptim_kfac_unpack").bytes())
                .isEqualTo(8 * (30 * 21 + 7 * 30));
        assertThat(only(times, "accumulate", "panoptim_kfac_accumulate").hasBytes()).isFalse();
        assertThat(only(times, "refresh", "panoptim_kfac_certify").nanos()).hasSize(4 * ROUNDS);
    }
}
