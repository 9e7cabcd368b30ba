package org.panoptim.bench.run;

import org.panoptim.bench.result.StartUpTimes;

import java.util.List;

/** Measures fresh processes. */
final class StartUps {

    StartUps(boolean quick, Jvm jvm) {}

    int units() {
        return 0;
    }

    List<StartUpTimes> measure(Progress progress, List<String> leftOut) {
        return List.of();
    }
}
