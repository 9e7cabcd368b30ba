package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.StepPlan;

/**
 * The schedule's wishes in device memory, always ahead of the device: the host has asked it for so
 * many attempts, and reads what it has counted of them without waiting.
 */
final class DeviceSchedule implements AutoCloseable {

    private final CudaDriver driver;
    private final long stream;
    private final DeviceControl control;
    private final ScheduleRing ring = new ScheduleRing();
    private final long memory;

    // The device has been asked for so many attempts since the counters were set to these.
    private long attempts;
    private long startStep;
    private long startSkipped;

    DeviceSchedule(DeviceContext context, DeviceControl control) {
        driver = context.driver();
        stream = context.stream();
        this.control = control;
        try {
            memory = DeviceSlab.allocate(context, ScheduleRing.bytes());
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, ring::close);
            throw e;
        }
    }

    /** The address of the device's copy of the ring. */
    long memory() {
        return memory;
    }

    /** Sends the schedule's wishes from a step on, so that a framework's graph finds them. */
    void begin(StepPlan plan, Uploads uploads, long step) {
        ring.restart(step);
        coverAhead(plan, uploads);
    }

    /** Begins anew where a checkpoint has set the device's counters. */
    void restore(StepPlan plan, Uploads uploads, Counters counters) {
        attempts = 0;
        startStep = counters.step();
        startSkipped = counters.skipped();
        begin(plan, uploads, counters.step());
    }

    /** Counts an attempt that the device was asked for. */
    void attempted() {
        attempts++;
    }

    /** Sends the schedule's wishes ahead. What it has no answer to is asked again at its step. */
    void coverAhead(StepPlan plan, Uploads uploads) {
        long done = control.stepsDone();
        try {
            ring.cover(plan, done, nextAtMost(done));
        } catch (RuntimeException e) {
            return;
        }
        ring.send(uploads, memory, stream);
    }

    /**
     * Sees to it that the device finds the schedule's wishes for every step that may come next. The
     * host knows a bound for that step, and learns it by waiting only if the bound is too far off.
     */
    void cover(StepPlan plan, Uploads uploads, boolean capturing) {
        long done = control.stepsDone();
        long next = nextAtMost(done);
        if (next > done + ScheduleRing.ENTRIES && !capturing) {
            catchUp();
            done = control.stepsDone();
            next = done + 1;
        }
        try {
            ring.cover(plan, done, next);
        } catch (RuntimeException e) {
            if (next == done + 1 || capturing) {
                throw e;
            }
            // Perhaps steps were refused, and it is an earlier one's turn.
            catchUp();
            done = control.stepsDone();
            next = nextAtMost(done);
            ring.cover(plan, done, next);
        }
        if (!capturing) {
            ring.send(uploads, memory, stream);
        }
    }

    /** Waits, and then knows exactly where the device is. */
    private void catchUp() {
        driver.synchronizeStream(stream);
        attempts = 0;
        startStep = control.stepsDone();
        startSkipped = control.stepsSkipped();
    }

    private long nextAtMost(long done) {
        long refused = control.stepsSkipped() - startSkipped;
        return Math.max(startStep + attempts - refused, done) + 1;
    }

    /** Frees the device's memory, which needs the backend's context. */
    void freeMemory() {
        driver.free(memory, stream);
    }

    /** Frees the host's memory. */
    void closeRing() {
        ring.close();
    }

    @Override
    public void close() {
        Cleanup.all(this::freeMemory, this::closeRing);
    }
}
