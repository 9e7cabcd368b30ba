package org.panoptim;

import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;

import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.stream.Collectors;

/** What steps do to parameters, as events of Flight Recorder. */
final class ParameterRecording {

    private ParameterRecording() {}

    /** Loaded only once Flight Recorder runs: an event's class starts it, which takes long. */
    private static final class ParameterEvents {
        static final EventType TYPE = EventType.getEventType(ParameterEvent.class);
    }

    /** Whether a recording asks for them; allocates nothing. */
    static boolean isOn() {
        return FlightRecorder.isInitialized() && ParameterEvents.TYPE.isEnabled();
    }

    /** Records the last step, if it took statistics. */
    static void record(StepPlan plan, Execution execution, Companions companions) {
        if (!plan.takesStatistics()) {
            return;
        }
        var report = StepReport.of(plan, execution, companions);
        for (var group : plan.groups()) {
            for (var parameter : group.parameters()) {
                var statistics = report.parameters().get(parameter.name());
                if (statistics != null) {
                    record(report.step(), group.name(), parameter.name(), statistics);
                }
            }
        }
    }

    private static void record(
            long step, String group, String parameter, StepStatistics statistics) {
        var event = new ParameterEvent();
        event.step = step;
        event.group = group;
        event.parameter = parameter;
        event.learningRate = statistics.learningRate();
        event.gradientNorm = statistics.gradientNorm().orElse(Double.NaN);
        event.valueNorm = statistics.valueNorm().orElse(Double.NaN);
        event.updateNorm = statistics.updateNorm().orElse(Double.NaN);
        event.heldShare = statistics.heldShare().orElse(Double.NaN);
        event.numbers =
                statistics.numbers().entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .collect(Collectors.joining(" "));
        event.commit();
    }
}
