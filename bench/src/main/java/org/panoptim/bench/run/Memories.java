package org.panoptim.bench.run;

import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.process.StateMemory;
import org.panoptim.bench.process.StatefulRule;
import org.panoptim.bench.result.Results.StateBytes;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Measures what rules' states take of a process's memory. */
final class Memories {

    private static final int RUNS = 3;

    private final Target target;

    Memories(Target target) {
        this.target = target;
    }

    int units() {
        return refusal().isEmpty() ? RUNS * StatefulRule.all().size() : 0;
    }

    private String refusal() {
        if (target.device() != DeviceKind.CPU) {
            return "memory of states: measured on the processor alone";
        }
        return StateMemory.isMeasurable() ? "" : "memory of states: this system does not tell it";
    }

    List<StateBytes> measure(ProgressDisplay progress, List<String> leftOut) throws IOException {
        if (!refusal().isEmpty()) {
            leftOut.add(refusal());
            return List.of();
        }
        var results = new ArrayList<StateBytes>();
        var rules = StatefulRule.all();
        for (int i = 0; i < rules.size(); i++) {
            var rule = rules.get(i);
            progress.begin("memory of states, " + rule.title());
            var measured = new double[RUNS];
            for (int run = 0; run < RUNS; run++) {
                measured[run] = StateMemory.measure(target.name(), i);
                progress.advance();
            }
            results.add(
                    new StateBytes(rule.title(), target.name(), rule.declaredBytes(), measured));
        }
        return results;
    }
}
