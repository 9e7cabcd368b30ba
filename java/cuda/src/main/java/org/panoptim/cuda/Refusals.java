package org.panoptim.cuda;

import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

/** The steps that the device has refused, of which the host hears later, and tells once. */
final class Refusals {

    private final DeviceControl control;

    // What of the device's refusals has been told.
    private long toldNonFinite;
    private long toldOutOfEntries;

    /** The steps accepted when it was last told: what is heard of later followed as many. */
    private long stepsBefore;

    Refusals(DeviceControl control) {
        this.control = control;
    }

    /**
     * Tells what the device has refused since, as far as it is known.
     *
     * @throws IllegalStateException if a graph was launched too often, or beyond the schedule
     * @throws NonFiniteGradientException if a gradient was not finite and the policy says so
     */
    void tell(NonFinitePolicy policy) {
        // Before the counts: what they do not have yet comes after these steps.
        long steps = control.stepsDone();
        long outOfEntries = control.outOfEntries();
        if (outOfEntries > toldOutOfEntries) {
            long missed = outOfEntries - toldOutOfEntries;
            toldOutOfEntries = outOfEntries;
            throw new IllegalStateException(
                    "%d steps were refused: a graph that holds the step was launched more than %d times without a call of report() or lossScale() in between, or the schedule has no value for them"
                            .formatted(missed, ScheduleRing.AHEAD));
        }
        long nonFinite = control.nonFinite();
        long least = stepsBefore;
        stepsBefore = steps;
        if (nonFinite > toldNonFinite) {
            toldNonFinite = nonFinite;
            if (policy == NonFinitePolicy.FAIL) {
                throw new NonFiniteGradientException(least, control.stepsDone());
            }
        }
    }

    /** Leaves untold what was refused before a checkpoint was loaded; the device is waited for. */
    void forget() {
        toldOutOfEntries = control.outOfEntries();
        toldNonFinite = control.nonFinite();
        stepsBefore = control.stepsDone();
    }
}
