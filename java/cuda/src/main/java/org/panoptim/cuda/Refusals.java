package org.panoptim.cuda;

import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;

/** The steps that the device has refused, of which the host hears later, and tells once. */
final class Refusals {

    private final DeviceControl control;

    // What of the device's refusals has been told.
    private long toldNonFinite;
    private long toldOutOfEntries;

    Refusals(DeviceControl control) {
        this.control = control;
    }

    /**
     * Tells what the device has refused since, as far as it is known.
     *
     * @throws IllegalStateException if a graph was launched too often
     * @throws NonFiniteGradientException if a gradient was not finite and the policy says so
     */
    void tell(NonFinitePolicy policy) {
        long outOfEntries = control.outOfEntries();
        if (outOfEntries > toldOutOfEntries) {
            long missed = outOfEntries - toldOutOfEntries;
            toldOutOfEntries = outOfEntries;
            throw new IllegalStateException(
                    "%d steps were refused since a graph that holds the step was launched more than %d times without a call of this optimizer in between; call lossScale() or report() now and then"
                            .formatted(missed, ScheduleRing.ENTRIES / 2));
        }
        long nonFinite = control.nonFinite();
        if (nonFinite > toldNonFinite) {
            toldNonFinite = nonFinite;
            if (policy == NonFinitePolicy.FAIL) {
                throw new NonFiniteGradientException(control.stepsDone());
            }
        }
    }
}
