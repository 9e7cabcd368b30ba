package org.panoptim;

import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;

import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Execution;
import org.panoptim.step.NonFiniteGradientException;

/** Steps as events of Flight Recorder. */
final class StepRecording {

    private StepRecording() {}

    /** Loaded only once Flight Recorder runs: an event's class starts it, which takes long. */
    private static final class StepEvents {
        static final EventType TYPE = EventType.getEventType(StepEvent.class);
    }

    /** Whether a recording asks for steps; allocates nothing. */
    static boolean isOn() {
        return FlightRecorder.isInitialized() && StepEvents.TYPE.isEnabled();
    }

    /** Steps, and records attempts that were taken or refused, not calls that failed before. */
    static void step(Execution execution, BeforeStep before, String backend) {
        var event = new StepEvent();
        event.begin();
        try {
            execution.step(before);
        } catch (NonFiniteGradientException e) {
            // The host refused this attempt; a device made none, and tells of an earlier one.
            if (execution.deviceStep().isEmpty()) {
                record(event, execution, backend);
            }
            throw e;
        }
        record(event, execution, backend);
    }

    private static void record(StepEvent event, Execution execution, String backend) {
        event.end();
        var outcome = execution.observed();
        event.backend = backend;
        event.step = outcome.counters().step();
        event.accepted = outcome.accepted();
        event.gradientMeasured = outcome.gradientNorm().isPresent();
        event.gradientNorm = outcome.gradientNorm().orElse(Double.NaN);
        event.updateMeasured = outcome.updateNorm().isPresent();
        event.updateNorm = outcome.updateNorm().orElse(Double.NaN);
        event.clipCoefficient = outcome.clipCoefficient();
        event.lossScale = outcome.counters().lossScale();
        event.commit();
    }
}
