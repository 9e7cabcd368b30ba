package org.panoptim.bench.run;

import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.process.StartUp;
import org.panoptim.bench.result.Results.StartUpTimes;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Measures the first step of fresh processes. */
final class StartUps {

    private static final int RUNS = 9;
    private static final int RUNS_IF_QUICK = 3;
    private static final List<String> ON_HOST = List.of("reference", "simd");
    private static final List<String> ON_DEVICE = List.of("cuda-ffm", "cuda-jcuda");

    private final boolean quick;
    private final StartUp.Driver driver;
    private final List<String> backends = new ArrayList<>();
    private final boolean withoutDevices;

    /** Of a backend on a device itself, else of all. */
    StartUps(boolean quick, Target target) {
        this.quick = quick;
        if (target.device() != DeviceKind.CPU) {
            driver = StartUp.Driver.INHERITED;
            backends.add(target.name());
            withoutDevices = false;
            return;
        }
        driver = StartUp.Driver.VIRTUAL;
        backends.addAll(ON_HOST);
        boolean virtual = VirtualDriver.folder().isPresent();
        if (!quick && virtual) {
            backends.addAll(ON_DEVICE);
        }
        withoutDevices = !quick && !virtual;
    }

    int units() {
        return backends.size() * 2 * runs();
    }

    private int runs() {
        return quick ? RUNS_IF_QUICK : RUNS;
    }

    List<StartUpTimes> measure(ProgressDisplay progress, List<String> leftOut) throws IOException {
        if (withoutDevices) {
            leftOut.add("start-up of the CUDA backends: " + VirtualDriver.ABSENT);
        }
        var times = new ArrayList<StartUpTimes>();
        for (var backend : backends) {
            progress.begin("first step of a process, " + backend);
            var runs = StartUp.measure(List.of(backend), runs(), driver);
            for (boolean cached : new boolean[] {false, true}) {
                times.add(
                        new StartUpTimes(
                                backend,
                                cached,
                                all(runs, cached, StartUp.Run::opened),
                                all(runs, cached, StartUp.Run::built),
                                all(runs, cached, StartUp.Run::stepped),
                                all(runs, cached, StartUp.Run::wall)));
            }
            runs.forEach(_ -> progress.advance());
        }
        return times;
    }

    private static double[] all(
            List<StartUp.Run> runs, boolean cached, ToDoubleFunction<StartUp.Run> phase) {
        return runs.stream().filter(run -> run.cached() == cached).mapToDouble(phase).toArray();
    }
}
