package org.panoptim.micrometer;

import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;

import java.util.concurrent.TimeUnit;

/** Times steps from one observation to the next, by the registry's clock. */
final class StepTimer {

    static final String NAME = "panoptim.step.time";

    private final Timer meter;
    private final Clock clock;
    private boolean begun;
    private long step;
    private long nanos;

    private StepTimer(Timer meter, Clock clock) {
        this.meter = meter;
        this.clock = clock;
    }

    /**
     * Puts the timer into a registry.
     *
     * @throws IllegalArgumentException if it is there: Micrometer would hand out the one that is,
     *     and never ask a second gauge of a name
     */
    static StepTimer register(MeterRegistry registry, MeterName name) {
        var present = registry.getMeters();
        var meter = Timer.builder(name.name()).tags(name.tags()).register(registry);
        if (present.stream().anyMatch(other -> other == meter)) {
            throw new IllegalArgumentException(
                    "the registry has the meters of another monitor (%s), which was not closed; name each optimizer: MeterMonitor.builder(registry).optimizer(\"encoder\")"
                            .formatted(name));
        }
        return new StepTimer(meter, registry.config().clock());
    }

    Timer meter() {
        return meter;
    }

    /** Times the steps since the last observation; of a number that went back it cannot be told. */
    void take(long reached) {
        if (begun && reached == step) {
            return;
        }
        long now = clock.monotonicTime();
        if (begun && reached > step) {
            meter.record((now - nanos) / (reached - step), TimeUnit.NANOSECONDS);
        }
        begun = true;
        step = reached;
        nanos = now;
    }
}
