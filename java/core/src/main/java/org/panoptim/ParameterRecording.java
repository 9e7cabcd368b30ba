package org.panoptim;

import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;

import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

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

    /** Records the last step or refused attempt, if it took statistics. */
    static void record(StepPlan plan, Execution execution, Companions companions) {
        if (execution.sums().parameters().isEmpty()) {
            return;
        }
        var reader = StepReport.statistics(plan, plan, execution, companions).orElseThrow();
        var statistics = reader.ofParameters();
        long step = execution.observed().counters().step();
        for (var group : plan.groups()) {
            for (var parameter : group.parameters()) {
                record(step, group.name(), parameter.name(), statistics.get(parameter.name()));
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
        event.hasGradient = statistics.gradientNorm().isPresent();
        event.gradientNorm = statistics.gradientNorm().orElse(Double.NaN);
        event.updated = statistics.updateNorm().isPresent();
        event.valueNorm = statistics.valueNorm().orElse(Double.NaN);
        event.updateNorm = statistics.updateNorm().orElse(Double.NaN);
        event.heldShare = statistics.heldShare().orElse(Double.NaN);
        event.numbers = numbers(statistics);
        event.commit();
    }

    private static String numbers(StepStatistics statistics) {
        var text = new StringBuilder();
        statistics
                .numbers()
                .forEach(
                        (name, value) -> {
                            if (value.isPresent()) {
                                text.append(text.isEmpty() ? "" : " ")
                                        .append(name)
                                        .append('=')
                                        .append(value.getAsDouble());
                            }
                        });
        return text.toString();
    }
}
