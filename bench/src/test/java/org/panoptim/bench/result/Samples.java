package org.panoptim.bench.result;

import org.panoptim.bench.result.Results.CallTimes;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.bench.result.Results.RefreshTimes;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Results.StateBytes;
import org.panoptim.bench.result.TeamSpeed.Exchange;

import java.util.List;

/** Results as a run gives them, with times chosen by the test. */
public final class Samples {

    private Samples() {}

    /** A step that took 10 to 12 ms, and a baseline that took so many times as long. */
    public static StepTimes step(String workload, String baseline, double ratio) {
        double[] step = {10e6, 11e6, 12e6};
        double[] baselineNanos =
                baseline.equals("none")
                        ? new double[0]
                        : new double[] {10e6 * ratio, 11e6 * ratio * 1.01, 12e6 * ratio * .99};
        return new StepTimes(
                workload,
                "STEP",
                "simd",
                baseline,
                "what " + baseline + " is",
                3,
                1000,
                step,
                baselineNanos,
                .01);
    }

    /** All kinds of results. */
    public static Results results(List<StepTimes> steps) {
        return results(false, steps, 1);
    }

    /**
     * All kinds of results.
     *
     * @param virtual whether of the virtual GPU
     * @param slowness of what is measured on devices alone: by how much its times are longer
     */
    public static Results results(boolean virtual, List<StepTimes> steps, double slowness) {
        return new Results(
                Results.FORMAT,
                "2020-02-02",
                "0.1.0",
                "./panoptim bench --workload <flat>",
                new Host(
                        "some processor",
                        "L1 32K",
                        "8 GiB",
                        "system",
                        "java",
                        "-Dflag",
                        "simd",
                        virtual),
                steps,
                List.of(startUp(false, 300), startUp(true, 100)),
                List.of(new StateBytes("lion", "simd", 4, new double[] {4.1, 4.2, 4.3})),
                List.of(new CallTimes("step", "FFM", new double[] {600, 700, 650}, 0)),
                List.of(
                        refresh("CHOLESKY", slowness),
                        refresh("PyTorch 9, cholesky_ex and cholesky_inverse", slowness)),
                List.of(
                        kfac("accumulate", slowness, new double[0]),
                        kfac("precondition", slowness, new double[] {.0105, .0105, .0105})),
                List.of(
                        kernel("", KernelTimes.COPY, 2_000_000_000, 1e6 * slowness),
                        kernel("step", "panoptim_measure", 500_000_000, 3e5 * slowness),
                        kernel("step", "panoptim_control_adamw", 0, 5e3 * slowness)),
                List.of(team(1, slowness), team(2, slowness)),
                List.of(TEAM_SPEED),
                List.of("nd4j: is not there"));
    }

    private static RefreshTimes refresh(String method, double slowness) {
        return new RefreshTimes(
                "RESNET50",
                method,
                "simd",
                new double[] {5.9 * slowness, 6 * slowness, 6.1 * slowness});
    }

    /** Work of some 14 ms on GPT-2 small. */
    private static KfacTimes kfac(String work, double slowness, double[] products) {
        return new KfacTimes(
                "GPT2_SMALL",
                work,
                "cuda-ffm",
                8192,
                new double[] {.0139 * slowness, .014 * slowness, .0141 * slowness},
                products);
    }

    /** A kernel of AdamW that took so many nanoseconds, with a copy of 2 TB/s. */
    private static KernelTimes kernel(String work, String kernel, long bytes, double nanos) {
        return new KernelTimes(
                "gpt2-small",
                "adamw",
                work,
                "cuda-ffm",
                kernel,
                1,
                bytes,
                2e12,
                new double[] {nanos, nanos * 1.01, nanos * .99});
    }

    /** A machine of two processors that exchanges 2 GB/s and copies 20 GB/s. */
    public static final TeamSpeed TEAM_SPEED =
            new TeamSpeed(
                    2,
                    20e9,
                    1e-4,
                    5e-5,
                    2e9,
                    List.of(
                            new Exchange(2, 1 << 20, new double[] {.0012, .0013, .0014}),
                            new Exchange(4, 1 << 20, new double[] {.0068, .007, .0072})));

    /** A team on GPT-2 small that takes half a second, and PyTorch's that takes a quarter more. */
    private static TeamTimes team(int members, double slowness) {
        long elements = 124_439_808;
        long size = elements * Float.BYTES;
        double[] loopback = {1.001 * size, 1.002 * size, 1.003 * size};
        return new TeamTimes(
                "gpt2-small",
                "simd",
                members,
                1,
                elements,
                new double[] {.49 * slowness, .5 * slowness, .51 * slowness},
                (members - 1) * size,
                35,
                loopback,
                2 * size / members,
                "what PyTorch does",
                new double[] {.6125, .625, .6375},
                loopback,
                2 * size);
    }

    private static StartUpTimes startUp(boolean cached, double millis) {
        return new StartUpTimes(
                "simd",
                cached,
                new double[] {millis / 2},
                new double[] {millis / 1.5},
                new double[] {millis},
                new double[] {millis * 2});
    }
}
