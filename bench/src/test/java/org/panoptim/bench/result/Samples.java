package org.panoptim.bench.result;

import java.util.List;

/** Results as a run gives them, with times chosen by the test. */
public final class Samples {

    private Samples() {}

    /** A step that took 10 to 12 ms, and an opponent that took so many times as long. */
    public static StepTimes step(String workload, String opponent, double ratio) {
        double[] step = {10e6, 11e6, 12e6};
        double[] beside =
                opponent.equals("none")
                        ? new double[0]
                        : new double[] {10e6 * ratio, 11e6 * ratio * 1.01, 12e6 * ratio * .99};
        return new StepTimes(
                workload,
                "STEP",
                "simd",
                opponent,
                "what " + opponent + " is",
                3,
                1000,
                step,
                beside,
                .01);
    }

    /** All kinds of results. */
    public static Results results(List<StepTimes> steps) {
        return new Results(
                Results.FORMAT,
                "2020-02-02",
                "0.1.0",
                "./panoptim bench --workload <flat>",
                new Host("some processor", "L1 32K", "8 GiB", "system", "java", "-Dflag", "simd"),
                steps,
                List.of(startUp(false, 300), startUp(true, 100)),
                List.of(new StateBytes("lion", "simd", 4, new double[] {4.1, 4.2, 4.3})),
                List.of(new CallTimes("step", "FFM", new double[] {600, 700, 650}, 0)),
                List.of(new RefreshTimes("RESNET50", "CHOLESKY", new double[] {5, 6, 7})),
                List.of("nd4j: is not there"));
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
